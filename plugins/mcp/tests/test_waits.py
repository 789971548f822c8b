"""Servers that hang: who waits for them, how long, and what the user reads meanwhile."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp_pretend import Pretend, World, plugin, server, tool

from codexplus_core.services.config import Config
from codexplus_core.services.core import Services
from codexplus_core.testing import Harness, text
from codexplus_mcp.plugin import Plugin

Transport = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])
SHELF = Path(__file__).parent / "shelf_server.py"
Start = Callable[..., Harness]
BOUND_S = 60.0


@pytest.fixture
def start(tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A proxy with the servers ``well`` and ``hangs``, which does so in the way that is named.

    Only what is waited for in vain has a short limit: one that is not meant to be late may start slowly.
    """
    monkeypatch.setattr("codexplus_mcp.told.TELL_AFTER_S", 0.01)

    def make(how: str, transport: Transport = "http", *, start_s: float = BOUND_S) -> Harness:
        if how == "mute":
            monkeypatch.setattr("codexplus_mcp.connection.LIST_S", 0.5)

        def entry(*words: str) -> dict[str, Any]:
            log = str(tmp_path / f"asked{len(words)}.jsonl")
            return {"command": sys.executable, "args": ["-I", str(SHELF), log, *words]}

        servers = {"well": entry(), "hangs": entry(how)}
        settings = {"mcpServers": servers, "mcp": {"tools": "gateway", "startTimeout": start_s}}
        config = Config(private_home, settings, env={"HOME": str(private_home)})
        return Harness({"mcp": Plugin()}, config=config, transport=transport, cwd=str(tmp_path), script=[text("a")] * 9)

    return make


@BOTH
@pytest.mark.parametrize("typed", ["/mcp__hangs__greet Bob", "see @hangs:issue://1"])
@pytest.mark.parametrize(
    ("how", "why"), [("late", "did not answer within 2 s"), ("mute", "within 0.5 s and was told to stop")]
)
async def test_who_names_a_server_that_hangs_reads_what_is_waited_for_and_then_why_in_vain(
    typed: str, how: str, why: str, transport: Transport, start: Start
) -> None:
    patience = {"start_s": 2} if how == "late" else {}
    async with asyncio.timeout(BOUND_S), start(how, transport, **patience) as proxy:
        reply = await proxy.say(typed)
        sent = [str(turn.body["input"]) for turn in proxy.upstream.turns]

    assert b"**waiting for the MCP server hangs**" in reply.body
    # The answer to a command, and what the model is told of a mention.
    assert why in (reply.text if typed.startswith("/") else sent[0])


@pytest.mark.parametrize("typed", ["hello", "/mcp__well__greet Bob", "see @well:issue://ENG-123"])
async def test_who_names_another_server_or_none_does_not_wait_for_it(typed: str, start: Start, tmp_path: Path) -> None:
    async with asyncio.timeout(BOUND_S), start("late") as proxy:
        reply = await proxy.say(typed)

    assert reply.text == "a"
    assert b"server hangs" not in reply.body
    assert not (tmp_path / "asked1.jsonl").exists()


async def test_after_three_waits_in_vain_a_prompt_is_answered_at_once(start: Start) -> None:
    async with asyncio.timeout(BOUND_S), start("mute") as proxy:
        for number in range(3):
            await proxy.say(f"/mcp__hangs__greet {number}")
        reply = await proxy.say("/mcp__hangs__greet again")

    assert "rests after 3 failures" in reply.text
    assert "did not tell its prompts" in reply.text
    assert b"waiting for" not in reply.body


async def test_a_server_that_never_lists_its_tools_is_waited_for_once_and_its_user_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[str] = []
    waiting = Services.waiting

    def counted(self: Services) -> Any:
        waits.append("once more")
        return waiting(self)

    monkeypatch.setattr(Services, "waiting", counted)
    monkeypatch.setattr("codexplus_mcp.tools.FIRST_WAIT_S", 0.01)
    slow, quick = Pretend(server("slow"), [tool("a")]), Pretend(server("quick"), [tool("b")])
    slow.gate = asyncio.Event()
    World(slow, quick).install(monkeypatch)
    async with asyncio.timeout(BOUND_S), Harness({"mcp": plugin()}, script=[text("a")] * 9) as proxy:
        first = await proxy.say("one")
        second = await proxy.say("two")
        slow.gate.set()
        third = await proxy.say("three")
        await proxy.say("four")

    assert first.text.startswith("The MCP server `slow` is still starting; its tools come with a later prompt.")
    assert "still starting" not in second.text + third.text
    asked = [str(turn.body["input"]) + str(turn.body.get("tools")) for turn in proxy.upstream.turns]
    assert ["mcp__slow__a" in words for words in (*asked[:2], asked[-1])] == [False, False, True]
    assert waits == ["once more"]
