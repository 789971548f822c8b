"""Slash commands that plugins contribute."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from proxy.made_plugin import plugin, sent

from codexplus_core import Command, Exchange, LocalReply
from codexplus_core.testing import Harness

pytestmark = pytest.mark.transports("http", "websocket")


def commands(*made: Command) -> object:
    return plugin(add_commands=lambda: list(made))


@pytest.mark.req("S12")
@pytest.mark.parametrize("typed", ["/up hello world", "  /up hello world", "//up hello world", "/up\nhello world"])
async def test_a_command_expands_for_the_model(typed: str) -> None:
    async def expand(exchange: Exchange, args: str) -> str:
        return f"EXPANDED {args}"

    async with Harness([commands(Command("up", expand=expand))]) as proxy:
        await proxy.say(typed)
        await proxy.say("and later")

        assert "EXPANDED hello world" in sent(proxy.upstream)
        assert "/up" not in sent(proxy.upstream)


@pytest.mark.req("S11", "S12")
async def test_a_command_answers_without_the_model_and_unknown_ones_go_up_as_typed() -> None:
    async def answer(exchange: Exchange, args: str) -> LocalReply:
        return LocalReply(f"answered {args}")

    async with Harness([commands(Command("ask", answer=answer))]) as proxy:
        reply = await proxy.say("/ask me")
        await proxy.say("/asking me")
        await proxy.say("/")

        assert reply.text == "answered me"
        assert "/asking me" in sent(proxy.upstream)
        assert "/ask me" not in sent(proxy.upstream)


@pytest.mark.req("P11")
@pytest.mark.parametrize("kind", ["answer", "expand"])
@pytest.mark.parametrize("fault", ["raises", "answers nonsense", "hangs"])
async def test_a_command_that_fails_says_so_and_is_not_sent_to_the_model(kind: str, fault: str) -> None:
    async def broken(exchange: Exchange, args: str) -> Any:
        if fault == "hangs":
            await asyncio.Event().wait()
        if fault == "raises":
            raise RuntimeError("boom")
        return 7

    bad = Command("bad", answer=broken) if kind == "answer" else Command("bad", expand=broken)
    async with Harness({"mine": commands(bad)}, limit=0.01) as proxy:
        reply = await proxy.say("/bad")

        assert reply.error == "/bad: the plugin 'mine' failed; see the log of codex-plus"
        assert not proxy.upstream.turns
