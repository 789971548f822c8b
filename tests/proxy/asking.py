"""A plugin that asks before it runs anything, and people who answer it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from proxy.made_plugin import sent

from codexplus_core import Exchange, LocalReply, Proposal, hookimpl
from codexplus_core.testing import CodexClient, Harness

QUESTION = "Allow? (Y)es/(N)o/(A)lways"


def deploy(text: str = "./deploy.sh prod", **more: Any) -> Proposal:
    return Proposal("run", "project", "command /deploy", project=Path("/home/user/project"), text=text, **more)


class Asks:
    """Runs ``/deploy`` once it may, and gives the model the result in its place."""

    core: Any = None

    def __init__(self, command: str = "/deploy", *proposals: Proposal) -> None:
        self.command = command
        self.proposals = proposals or (deploy(),)
        self.ran: list[str] = []
        self.prompts: list[str | None] = []

    @hookimpl
    def on_startup(self, core: Any) -> None:
        self.core = core

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        self.prompts.append(exchange.prompt)
        if exchange.prompt is None or not exchange.prompt.startswith(self.command):
            return None
        answer = await self.core.approvals.require(exchange, self.proposals)
        if isinstance(answer, LocalReply):
            return answer
        self.ran.append(exchange.prompt)
        exchange.prompt = f"deployed {exchange.prompt}"
        return None


class AsksToo(Asks):
    """Another plugin."""


def at_the_terminal(version: str = "0.169.0") -> CodexClient:
    """A Codex with somebody in front of it."""
    return CodexClient(version, tui=True)


def hidden(proxy: Harness) -> bool:
    """Whether no request to the model holds a word of question or answer."""
    everything = " ".join(sent(proxy.upstream, at) for at in range(len(proxy.upstream.turns)))
    return not re.search(r'Allow\?|Not run|approvals allow|"/deploy prod"|"(y|yes|n|no|a|always|Y \d+)"', everything)


def wire(request: object) -> tuple[str, str, list[tuple[bytes, bytes]], bytes]:
    return request.method, request.path, request.headers, request.body  # type: ignore[attr-defined]
