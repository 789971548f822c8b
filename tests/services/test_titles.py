"""The title of a turn that stays here is made here."""

from __future__ import annotations

import asyncio

import pytest

from codexplus_core import Exchange, LocalReply, hookimpl
from codexplus_core.services.titles import Titles, title_for
from codexplus_core.testing import CodexClient, Harness


class Answers:
    """Answers every human prompt that begins with a slash."""

    @hookimpl
    def on_request(self, exchange: Exchange) -> LocalReply | None:
        return LocalReply("here") if (exchange.prompt or "").startswith("/") else None


@pytest.mark.transports("http", "websocket")
@pytest.mark.parametrize(("words", "local"), [("/help me", True), ("hello", False)])
async def test_the_title_of_a_local_turn_is_not_asked_of_the_model(words: str, local: bool) -> None:
    async with Harness([Answers()]) as proxy:
        await proxy.say(words)

        reply = await proxy.send(proxy.codex.title_request(words), CodexClient("0.169.0", seed=9))

        assert reply.text == ('{"title":"/help me"}' if local else '{"title": "A scripted title"}')
        assert any("/help" in got.decoded.decode() for got in proxy.upstream.requests) is False


async def test_a_title_that_comes_before_its_turn_waits_for_it() -> None:
    titles = Titles(wait_s=5)

    early = [asyncio.ensure_future(titles.local("/help", None)) for _ in range(2)]
    await asyncio.sleep(0)
    titles.decided(" /help ", "thread", local=True)

    async with asyncio.timeout(5):
        assert await asyncio.gather(*early) == [True, True]


async def test_a_title_whose_turn_never_comes_goes_up() -> None:
    assert await Titles(wait_s=0.001).local("hello", None) is False


@pytest.mark.parametrize(("prompt", "title"), [("  a\n b ", "a b"), ("x" * 36, "x" * 36), ("x" * 37, "x" * 35 + "…")])
def test_a_title_of_ours_is_the_first_words_in_codexs_length(prompt: str, title: str) -> None:
    assert title_for(prompt) == title


async def test_long_prompts_are_told_apart_and_not_kept() -> None:
    titles = Titles(wait_s=0)
    titles.decided("a" * 1_000_000, "thread", local=True)
    titles.decided("b" * 1_000_000 + " ", "thread", local=False)

    found = [await titles.local(letter * 1_000_000, "thread") for letter in "ab"]

    assert found == [True, False]
    assert len(repr(titles._decided)) < 1000
