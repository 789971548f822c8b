"""A plugin reads and exports what was kept of its session, through the public API alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from services.config.world import World

from codexplus_core import Core, Exchange, LocalReply, Problem, ShellText, hookimpl
from codexplus_core.services.transcripts import Transcripts
from codexplus_core.testing import Harness, text

pytestmark = pytest.mark.transports("http", "websocket")
KEY = "AKIAQYLPMN5HHHFPZAM2"


class Exports:
    """Answers ``/export`` with a transcript and a path, and ``/may COMMAND`` by the rules."""

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        word, _, rest = (exchange.prompt or "").partition(" ")
        if word == "/export":
            try:
                path = await self.core.transcripts.save(exchange.session.id, rest, "markdown")
                return LocalReply(f"{path}\n{await self.core.transcripts.export(exchange.session.id)}")
            except Problem as problem:
                self.core.log.warning("not_exported", reason=str(problem))
                return LocalReply("nothing yet")
        if word == "/may":
            verdict = await self.core.permissions.decide(ShellText(rest), session=exchange.session)
            return LocalReply(verdict.decision)
        return None


@pytest.mark.req("T1")
async def test_a_plugin_exports_its_session_without_the_exchange_under_way(tmp_path: Path) -> None:
    world = World(tmp_path)
    kept = Transcripts(world.home / "state", config=world.config())
    async with Harness([Exports()], script=[text("hello")], transcripts=kept) as proxy:
        early = await proxy.say("/export")
        await proxy.say(f"my key is {KEY}")
        path, _, document = (await proxy.say("/export talk.md")).text.partition("\n")

        assert early.text == "nothing yet"
        assert proxy.log.events("not_exported")[0]["reason"].endswith("if transcripts.enabled is true")
        assert Path(path) == world.home / "state/sessions/talk.md"
        exchanges = json.loads(document)["exchanges"]
        assert [exchange["prompt"] for exchange in exchanges] == ["/export", "my key is [REDACTED:aws-key-id]"]
        assert "hello" in Path(path).read_text(encoding="utf-8") and KEY not in document


@pytest.mark.req("X3")
async def test_a_plugin_asks_what_the_rules_say_of_any_length_of_command(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash(ls:*)"], "deny": ["Bash(rm:*)"]}})
    async with Harness([Exports()], config=world.config(), cwd=str(world.project)) as proxy:
        said = [(await proxy.say(f"/may {words}")).text for words in ("ls -l", "make", "ls; " * 2000 + "rm a")]

    assert said == ["allow", "ask", "deny"]
