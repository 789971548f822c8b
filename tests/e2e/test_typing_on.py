"""Typing on while the model answers: Codex 0.169 interrupts the answer on its WebSocket and asks on behind it."""

from __future__ import annotations

import asyncio

import pytest
from e2e.codex import NEWEST, Transport
from e2e.said import words_of
from e2e.test_tui import SETTINGS

from codexplus_core.testing import text

pytestmark = pytest.mark.e2e


@pytest.mark.req("P8")
@pytest.mark.wire("W3")
@pytest.mark.parametrize("plugins", ["none", "upper,calls"])
async def test_a_second_prompt_during_an_answer_is_answered_at_once(plugins: str, codex, upstream, proxy, tui) -> None:
    one = codex(NEWEST)
    one.configure(SETTINGS)
    slow = text("A first part.") + text("This one will not end.")
    upstream.script = [slow.stall("never", after_events=13), text("The second answer."), text("The third.")]
    screen = await tui(one.point_at((await proxy(plugins)).url))

    await screen.say("go on for ever")
    async with asyncio.timeout(20):
        await upstream.standing_at("never")
    await screen.shows("• A first part.")
    await screen.say("what about this")
    await screen.shows("• The second answer.")
    await screen.say("and this")
    seen = await screen.shows("• The third.")

    assert [word for word in ("econnecting", "warning", "■", "rror") if word in seen] == []
    asked, second, third = (got for got in upstream.turns if "go on for ever" in words_of(got))
    assert asked.answer[-1] == "response.incomplete"
    assert third.connection is second.connection is asked.connection
    assert second.body["previous_response_id"] == third.connection.interrupts[0]["response_id"]
    assert words_of(third) == [
        "go on for ever", "A first part.", "what about this", "The second answer.", "and this",
    ]  # fmt: skip
    assert upstream.illegal == []


@pytest.mark.req("P8")
@pytest.mark.wire("W3")
@pytest.mark.parametrize("transport", ["http"])
@pytest.mark.parametrize("plugins", ["none", "upper,calls"])
async def test_so_it_is_before_an_upstream_that_speaks_http_only(
    plugins: str, transport: Transport, codex, upstream, proxy, tui
) -> None:
    one = codex(NEWEST)
    one.configure(SETTINGS)
    slow = text("A first part.") + text("This one will not end.")
    upstream.script = [slow.stall("never", after_events=13), text("The second answer."), text("The third.")]
    screen = await tui(one.point_at((await proxy(plugins, websockets="bridge")).url))

    await screen.say("go on for ever")
    async with asyncio.timeout(20):
        await upstream.standing_at("never")
    await screen.shows("• A first part.")
    await screen.say("what about this")
    await screen.shows("• The second answer.")
    await screen.say("and this")
    seen = await screen.shows("• The third.")

    assert [word for word in ("econnecting", "warning", "■", "rror") if word in seen] == []
    asked, _, third = (got for got in upstream.turns if "go on for ever" in words_of(got))
    assert asked.aborted
    assert words_of(third) == [
        "go on for ever", "A first part.", "what about this", "The second answer.", "and this",
    ]  # fmt: skip
    assert [got.aborted for got in upstream.turns].count(True) == 1
