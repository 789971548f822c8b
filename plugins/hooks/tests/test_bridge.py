"""The bridge's routes: who is heard, what is refused, and how the decision goes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import hookimpl
from codexplus_core.testing import Harness
from codexplus_core.testing.client_reply import Reply
from codexplus_hooks.bridge import LIMIT, PROBE, Bridge
from codexplus_hooks.bridge_client import HELLO
from codexplus_hooks.bridge_files import NATIVE_EVENTS


class Engine:
    """Answers every event alike, and keeps what it was asked."""

    def __init__(self, answer: Mapping[str, Any] | None = None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def native(self, event: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.asked.append((event, payload))
        return self.answer


class Plugin:
    """A plugin that is nothing but the bridge."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge

    @hookimpl
    def add_routes(self) -> list[object]:
        return list(self.bridge.routes())


async def post(bridge: Bridge, event: str, body: bytes, method: str = "POST") -> Reply:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    async with Harness({"hooks": Plugin(bridge)}) as proxy:
        return await proxy.request(method, f"/_codexplus/hooks/{event}", headers, body)


@pytest.mark.parametrize("event", NATIVE_EVENTS)
async def test_every_event_of_codex_is_handed_on_and_counted(event: str) -> None:
    engine = Engine()
    bridge = Bridge(engine, clock=lambda: 7.0)

    got = await post(bridge, event, b'{"session_id": "s"}')

    assert got.body == HELLO + b"\nnone\n"
    assert engine.asked == [(event, {"session_id": "s"})]
    assert (bridge.arrived[event].count, bridge.arrived[event].last) == (1, 7.0)


async def test_the_decision_comes_with_its_length_in_ascii() -> None:
    decision = {"systemMessage": "né\n"}

    got = await post(Bridge(Engine(decision)), "PreToolUse", b"{}")

    hello, line, answer = got.body.split(b"\n", 2)
    assert (hello, line) == (HELLO, b"answer %d" % len(answer))
    assert json.loads(answer) == decision
    assert answer.isascii() and b"\n" not in answer


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b"[" * 100_000])
async def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    engine = Engine()

    got = await post(Bridge(engine), "PreToolUse", body)

    assert got.status == 400
    assert json.loads(got.body)["error"]["message"] == "the body must be a JSON object"
    assert engine.asked == []


async def test_too_large_an_event_is_refused_unread() -> None:
    engine = Engine()

    got = await post(Bridge(engine), "PostToolUse", b" " * (LIMIT + 1))

    assert (got.status, engine.asked) == (413, [])


async def test_an_event_that_codex_does_not_have_is_named() -> None:
    got = await post(Bridge(Engine()), "Notification", b"{}")

    assert got.status == 404
    assert "Notification is no event of Codex" in got.body.decode()


async def test_nobody_can_read_there() -> None:
    got = await post(Bridge(Engine()), "PreToolUse", b"", "GET")

    assert got.status == 405


async def test_the_doctors_probe_reaches_no_hook_and_tells_what_has_arrived() -> None:
    engine = Engine()
    bridge = Bridge(engine, clock=lambda: 7.0)
    await post(bridge, "Stop", b"{}")

    got = await post(bridge, "PreToolUse", json.dumps({PROBE: "word"}).encode())

    assert json.loads(got.body.split(b"\n", 2)[2]) == {PROBE: "word", "events": {"Stop": 1}, "last": 7.0}
    assert [event for event, _ in engine.asked] == ["Stop"]


async def test_the_client_hears_that_its_event_was_taken_before_the_hooks_are_done() -> None:
    done = asyncio.Event()

    class Slow(Engine):
        async def native(self, event: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
            await done.wait()
            return None

    lines = Bridge(Slow())._answer("PreToolUse", {})

    async with asyncio.timeout(5):
        assert await anext(lines) == HELLO + b"\n"
        done.set()
        assert await anext(lines) == b"none\n"


@given(st.dictionaries(st.text(max_size=8), st.text() | st.none() | st.integers()))
def test_any_decision_arrives_whole_in_one_line(decision: dict[str, Any]) -> None:
    async def lines() -> list[bytes]:
        return [line async for line in Bridge(Engine(decision))._answer("PreToolUse", {})]

    _, line = asyncio.run(lines())

    word, _, answer = line.partition(b"\n")
    assert (word, answer) == (b"none", b"") if not decision else word == b"answer %d" % len(answer)
    assert not decision or json.loads(answer) == decision
