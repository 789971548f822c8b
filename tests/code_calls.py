"""Commands in code, called."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from codexplus_core import Action, Core, Exchange, LocalReply, Refusal, hookimpl
from codexplus_core.testing import Harness
from codexplus_slash.code_commands import call
from codexplus_slash.command_file import CommandFile, Scope, Source, load

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")


@dataclass
class Caller:
    """A plugin that calls one command, for prompts that begin with its name; it sees every action."""

    command: CommandFile
    question: bool = False
    actions: list[Action] = field(default_factory=list)
    veto: str = ""

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    def on_action(self, action: Action) -> Refusal | None:
        self.actions.append(action)
        return Refusal(self.veto) if self.veto else None

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        name, _, args = (exchange.prompt or "").partition(" ")
        if name != f"/{self.command.name}":
            return None
        made = await call(self.core, exchange, self.command, args.strip())
        if isinstance(made, LocalReply):
            return made
        if self.question:
            from codexplus_core import Proposal

            answer = await self.core.approvals.require(exchange, [Proposal("run", "user", "t", text=made.prompt)])
            if isinstance(answer, LocalReply):
                return answer
        exchange.prompt = made.prompt
        return None


def written(path: Path, source: str, *, scope: Scope = "user") -> CommandFile:
    """A command file, as the catalogue would have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    kind: Literal["javascript", "python"] = "python" if path.suffix == ".py" else "javascript"
    return load(Source(path.stem, path, path.parent, scope, kind, f"({scope})"))


async def said(command: CommandFile, prompt: str, *, cwd: Path) -> tuple[str, str]:
    """What the model is asked and what the user reads, one of them empty."""
    async with Harness([Caller(command)], cwd=str(cwd)) as proxy:
        answer = await proxy.say(prompt)
        asked = proxy.upstream.turns
        return (asked[0].conversation[-1]["content"][-1]["text"], "") if asked else ("", answer.text)
