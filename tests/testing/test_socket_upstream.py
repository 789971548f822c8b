"""StrictUpstream answers over a WebSocket as scripted, in process and on a real socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from testing.dialling import BASE, KEY, ask, both, connected, dial

from codexplus_core.proxy.transport import UpstreamRequest
from codexplus_core.testing import CodexClient, CodexSocket, StrictUpstream
from codexplus_core.testing.codex_messages import handshake
from codexplus_core.testing.script import (
    call,
    reasoning,
    shell,
    stall,
    status,
    text,
)


@both
@pytest.mark.parametrize(("offered", "taken"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("version", ["0.120.0", "0.169.0"])
async def test_a_conversation_goes_over_one_connection(over: str, version: str, offered: bool, taken: bool) -> None:
    upstream = StrictUpstream([reasoning() + shell("ls"), text("grüße")], deflate=taken)
    client = CodexClient(version)

    async with connected(upstream, over, client, deflate=offered) as socket:
        first = await ask(socket, client.say("hi"))
        second = await ask(socket, client.outputs("done"))

    assert [call["type"] for call in first.seen.calls] and second.text == "grüße" and second.ended
    assert [json.loads(data)["type"] for data in second.messages] == second.events
    [connection] = upstream.connections
    assert connection.compressed == (offered and taken)
    assert [got.answer[-1] for got in connection.requests] == ["response.completed"] * 3
    assert [got.body["input"] for got in connection.requests[:1]] == [[]]
    assert len(upstream.turns) == 2 and upstream.turns[1].conversation[-1]["output"] == "done"
    assert upstream.illegal == [] and connection.left is None and not connection.cut


async def test_the_handshake_is_recorded_and_accepted_with_the_right_key() -> None:
    upstream = StrictUpstream(websocket=status(101, b"", {"x-codex-turn-state": "s1"}))
    asked = handshake(CodexClient().say("hi"), key=KEY, warming=True)

    upgraded = await upstream.connect(asked.to(BASE))

    headers = dict(upgraded.headers)
    assert headers[b"Sec-WebSocket-Accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert headers[b"Sec-WebSocket-Extensions"] == b"permessage-deflate; client_max_window_bits=15"
    assert headers[b"x-codex-turn-state"] == b"s1" and b"content-type" not in headers
    assert upstream.handshakes[0].header("openai-beta") == "responses_websockets=2026-02-06"
    assert upstream.requests == []
    await upstream.aclose()


@both
@pytest.mark.parametrize(
    "wrong",
    [
        (b"Sec-WebSocket-Version", b"8"), (b"Sec-WebSocket-Key", b"short"), (b"openai-beta", b"responses=experimental"),
        (b"Connection", b"keep-alive"),
    ],
)  # fmt: skip
async def test_a_wrong_handshake_is_refused_and_remembered(over: str, wrong: tuple[bytes, bytes]) -> None:
    upstream = StrictUpstream()
    asked = handshake(CodexClient().say("hi"), key=KEY, warming=True)
    asked = replace(asked, headers=[wrong if name == wrong[0] else (name, value) for name, value in asked.headers])

    async with asyncio.timeout(60), upstream.listen() as url:
        refused: Any = await (dial(url, asked) if over == "socket" else upstream.connect(asked.to(BASE)))

    assert refused.status == 400
    assert json.loads(await refused.read())["error"]["param"] == wrong[0].decode().lower()
    assert len(upstream.illegal) == 1 and upstream.connections == []


async def test_a_handshake_to_another_path_is_unknown() -> None:
    upstream = StrictUpstream()
    asked = UpstreamRequest("GET", f"{BASE}/v1/realtime", [(b"Upgrade", b"websocket")])

    refused = await upstream.connect(asked)

    assert not hasattr(refused, "socket") and refused.status == 404


@both
async def test_a_response_of_another_connection_is_not_found(over: str) -> None:
    upstream = StrictUpstream()
    first, second = CodexClient(), CodexClient(seed=2)

    async with connected(upstream, over, first) as socket:
        one = await ask(socket, first.say("hi"))
        other = CodexSocket(second, lambda asked: upstream.connect(asked.to(BASE)))
        await ask(other, second.say("hi"))
        body = {**other.sent[-1], "previous_response_id": one.seen.response_id, "input": []}
        other.frames.send(json.dumps(body).encode())
        await upstream.received(5)
        refused = upstream.requests[-1]
        await other.close()

    assert [illegal.code for illegal in upstream.illegal] == ["previous_response_not_found"]
    assert refused.body["previous_response_id"] == one.seen.response_id


@both
async def test_wire_options_fragment_and_ping_without_changing_the_words(over: str) -> None:
    upstream = StrictUpstream([text("grüße", chunk=1).on_wire(chunk=1, comments=True)])
    client = CodexClient()

    async with connected(upstream, over, client) as socket:
        reply = await ask(socket, client.say("hi"))
        pings = list(socket.frames.pings)

    assert reply.text == "grüße"
    assert len(pings) == len(reply.messages)


async def test_the_test_may_send_what_the_script_does_not_hold() -> None:
    upstream = StrictUpstream([stall("door", 2)])
    client = CodexClient()

    async with connected(upstream, "process", client) as socket:
        asking = asyncio.ensure_future(socket.send(client.say("hi")))
        await upstream.standing_at("door")
        upstream.connections[-1].send({"type": "codex.unknown"}, fragment=3)
        upstream.release("door")
        reply = await asking

    assert reply is not None and reply.ended and "codex.unknown" in reply.events


async def test_messages_are_answered_one_after_the_other() -> None:
    upstream = StrictUpstream([stall("door", 2, call("update_plan", {"plan": []})), text("second")])
    client = CodexClient("0.120.0")

    async with connected(upstream, "process", client) as socket:
        asking = asyncio.ensure_future(socket.send(client.say("hi")))
        await upstream.standing_at("door")
        socket.frames.send(json.dumps({**socket.sent[-1], "previous_response_id": None}).encode())
        upstream.release("door")
        await asking
        await upstream.received(3)

    first, second = upstream.turns
    assert first.answer[-1] == "response.completed" and second.answer[0] == "response.created"


WRONG = [
    {"response_id": "resp_of_nobody", "mode": "discard_partial_items"},
    {"response_id": "", "mode": "discard_partial_items"},
    {"response_id": "resp_up00001", "mode": "keep"},
]


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_interrupt_is_refused_at_once(wrong: dict[str, str]) -> None:
    upstream = StrictUpstream([stall("door", 2)])
    client = CodexClient()

    async with connected(upstream, "process", client) as socket:
        asking = asyncio.ensure_future(socket.send(client.say("hi")))
        await upstream.standing_at("door")
        socket.frames.send(json.dumps({"type": "response.interrupt", **wrong}).encode())
        while not upstream.illegal:
            await asyncio.sleep(0)
        upstream.release("door")
        reply = await asking

    assert reply is not None and reply.status == 400
    assert upstream.illegal[0].param in ("response_id", "mode")


def test_an_older_codex_has_no_websocket() -> None:
    with pytest.raises(ValueError, match=r"0\.98\.0 speaks no WebSocket"):
        CodexSocket(CodexClient("0.98.0"), lambda asked: StrictUpstream().connect(asked.to(BASE)))
