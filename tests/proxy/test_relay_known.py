"""A long conversation is read only where it grew, and goes up exactly as one that is read as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from proxy.made_plugin import plugin

from codexplus_core import Exchange, LocalReply
from codexplus_core.protocol import top_level
from codexplus_core.testing import Harness

LONG = "so long " * 4000


def shouts(exchange: Exchange) -> LocalReply | None:
    """Answers ``/ping`` and changes what begins with ``shout``."""
    if exchange.prompt == "/ping":
        return LocalReply("pong")
    if exchange.prompt is not None and exchange.prompt.startswith("shout"):
        exchange.prompt = exchange.prompt.upper()
    return None


class Decoded:
    """How much of each body is decoded."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self._decode = top_level._decode_top
        patched.setattr(top_level, "_decode_top", self._counted)

    def _counted(self, data: bytes) -> Any:
        self.sizes.append(len(data))
        return self._decode(data)


async def turns(known: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[list[list[str]], int]:
    """What a model is sent in a session of some turns, and how much of it was decoded."""
    with monkeypatch.context() as patched:
        decoded = Decoded(patched)
        if not known:
            patched.setattr(top_level, "_LEAST", 1 << 40)
        async with Harness([plugin(on_request=shouts)]) as proxy:
            for prompt in ("hello " + LONG, "shout", "/ping", "shout " + LONG, "bye"):
                await proxy.say(prompt)
            await proxy.retry()
            return [words(got.conversation) for got in proxy.upstream.turns], sum(decoded.sizes)


def words(items: list[dict[str, Any]]) -> list[str]:
    parts = [part for item in items for part in item.get("content") or []]
    return [part["text"] for part in parts if "text" in part]


@pytest.mark.req("P9")
@pytest.mark.transports("http", "websocket")
async def test_what_a_thread_repeats_is_not_decoded_again_and_goes_up_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    (sent_up, decoded), (as_a_whole, all_of_it) = [await turns(known, monkeypatch) for known in (True, False)]

    assert len(sent_up) == 5
    assert sent_up == as_a_whole
    assert [turn.count("SHOUT") for turn in sent_up] == [0, 1, 1, 1, 1]
    assert decoded < all_of_it / 2


@pytest.mark.req("P9")
@pytest.mark.transports("http")
async def test_clients_that_name_no_thread_share_what_was_read_and_nothing_that_was_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str | None] = []

    def decides(exchange: Exchange) -> LocalReply | None:
        asked.append(exchange.prompt)
        if len(asked) == 1:
            return LocalReply("from here")
        if len(asked) == 2:
            exchange.prompt = "other words"
            exchange.add_context("a hint")
        return None

    said = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": LONG}]}]
    body = json.dumps(
        {"model": "m", "instructions": "Be.", "input": said, "tools": [], "stream": True, "store": False}
    ).encode()
    headers = [(b"content-type", b"application/json")]
    async with Harness([plugin(on_request=decides)]) as proxy:
        decoded = Decoded(monkeypatch)
        answers = [await proxy.request("POST", "/v1/responses", headers, body) for _ in range(3)]

        assert asked == [LONG] * 3
        assert b"from here" in answers[0].body
        changed, unchanged = [got.raw for got in proxy.upstream.turns]
        assert b"other words" in changed and b"a hint" in changed
        assert unchanged == body
    first, *others = decoded.sizes
    assert first == len(body) and max(others) < 200
