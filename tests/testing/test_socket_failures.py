"""StrictUpstream's WebSocket where something fails: refused, cut, left or closed."""

from __future__ import annotations

import asyncio
import json

import pytest
from testing.dialling import BASE, KEY, ask, both, connected

from codexplus_core.proxy.transport import UpstreamError
from codexplus_core.testing import CodexClient, StrictUpstream
from codexplus_core.testing.codex_messages import handshake
from codexplus_core.testing.script import (
    Answer,
    clean_end,
    cut,
    failed,
    incomplete,
    raw,
    stall,
    status,
    text,
)


@both
async def test_a_426_sends_codex_to_http_for_good(over: str) -> None:
    upstream = StrictUpstream(websocket=426)
    client = CodexClient()

    async with connected(upstream, over, client) as socket:
        answers = [await socket.send(client.say("hi")), await socket.send(client.retry())]

    assert answers == [None, None] and socket.fell_back
    assert len(upstream.handshakes) == 1 and upstream.connections == []


@both
async def test_another_refusal_is_an_answer(over: str) -> None:
    upstream = StrictUpstream([text("back")], websocket=status(503, "busy", {"retry-after": "3"}))
    client = CodexClient()

    async with connected(upstream, over, client) as socket:
        refused = await ask(socket, client.say("hi"))
        upstream.websocket = 101
        reply = await ask(socket, client.retry())

    assert (refused.status, refused.error, refused.seen.retries) == (503, "busy", True)
    assert refused.header("retry-after") == "3" and refused.ended
    assert reply.text == "back"


async def test_an_unreachable_upstream_raises() -> None:
    upstream = StrictUpstream()
    upstream.unreachable = UpstreamError("connect", "nobody is there")

    with pytest.raises(UpstreamError):
        await upstream.connect(handshake(CodexClient().say("hi"), key=KEY, warming=True).to(BASE))


@both
@pytest.mark.parametrize(
    ("answer", "got", "error", "retries"),
    [
        (failed("invalid_prompt", "no such words"), 200, "no such words", False),
        (failed("server_error", "boom"), 200, "boom", True),
        (incomplete("max_output_tokens"), 200, "Incomplete response returned, reason: max_output_tokens", False),
        (cut(4), 200, "stream disconnected before completion", True),
        (cut(4, how="close"), 200, "stream disconnected before completion", True),
        (clean_end(4), 200, "stream disconnected before completion", True),
        (raw(b"\xff\xfe"), 200, "stream disconnected before completion", True),
        (status(403, {"error": {"message": "not you"}}), 403, "not you", True),
        (status(500, "no json"), 500, "no json", True),
        (status(429), 429, "exceeded retry limit, last status: 429 Too Many Requests", False),
    ],
)  # fmt: skip
async def test_failures_read_as_codex_reads_them_and_cost_the_connection(
    over: str, answer: Answer, got: int, error: str, retries: bool
) -> None:
    upstream = StrictUpstream([answer, text("again")])
    client = CodexClient()

    async with connected(upstream, over, client) as socket:
        reply = await ask(socket, client.say("hi"))
        again = await ask(socket, client.say("more"))

    assert (reply.status, reply.error, reply.seen.retries) == (got, error, retries)
    assert reply.ended == (answer.stops == () and b"\xff" not in (answer.body or b""))
    assert again.text == "again"
    assert len(upstream.connections) == 2
    last = upstream.requests[-1].body
    assert "previous_response_id" not in last and last["input"][0]["type"] == "additional_tools"
    assert upstream.illegal == []


async def test_an_error_message_has_the_apis_form() -> None:
    upstream = StrictUpstream([status(429, {"error": {"message": "slow", "code": "c"}}, {"Retry-After": "7"})])
    client = CodexClient()

    async with connected(upstream, "process", client) as socket:
        reply = await ask(socket, client.say("hi"))

    assert [json.loads(data) for data in reply.messages] == [
        {"type": "error", "status": 429, "error": {"message": "slow", "code": "c"}, "headers": {"retry-after": "7"}}
    ]


@both
async def test_a_client_that_leaves_is_seen_and_ends_the_answer(over: str) -> None:
    upstream = StrictUpstream([stall("never", 2)])
    client = CodexClient()

    async with connected(upstream, over, client) as socket:
        asking = asyncio.ensure_future(socket.send(client.say("hi")))
        await upstream.standing_at("never")
        socket.interrupt()
        reply = await asking

    assert reply is not None and not reply.ended
    assert upstream.turns[0].aborted and upstream.turns[0].answer[-1] == "gate:never"


@both
async def test_an_interrupt_costs_the_connection_and_is_told(over: str) -> None:
    upstream = StrictUpstream([stall("never", 4), text("after")])
    client = CodexClient()

    async with connected(upstream, over, client) as socket:
        asking = asyncio.ensure_future(socket.send(client.say("hi")))
        await upstream.standing_at("never")
        socket.interrupt()
        await asking
        await ask(socket, client.say("more"))

    last = upstream.turns[-1].body
    assert "previous_response_id" not in last and len(upstream.connections) == 2
    assert last["input"][-2]["content"][0]["text"].startswith("<turn_aborted>")
    assert len(upstream.handshakes) == 2 and upstream.illegal == []


@both
async def test_the_server_may_ping_and_close_an_idle_connection(over: str) -> None:
    upstream = StrictUpstream([text("one"), text("two")])
    client = CodexClient()

    async with connected(upstream, over, client) as socket:
        await ask(socket, client.say("hi"))
        upstream.connections[-1].ping(b"there?")
        socket.frames.ping(b"and you?")
        await ask(socket, client.outputs("ok"))
        first = socket.frames
        upstream.connections[-1].close(4321, "bye")
        await socket.disconnected()
        reply = await ask(socket, client.say("more"))

    assert (first.pings, first.left) == ([b"there?"], (4321, "bye"))
    assert upstream.connections[0].pongs == [b"there?"] and upstream.connections[0].pings == [b"and you?"]
    assert reply.ended and len(upstream.connections) == 2 and upstream.illegal == []


async def test_what_is_no_websocket_is_illegal() -> None:
    upstream = StrictUpstream()
    client = CodexClient()

    async with connected(upstream, "process", client) as socket:
        await ask(socket, client.say("hi"))
        socket.frames.channel.write(b"\x81\x01x")
        await socket.disconnected()

    assert ["unmasked" in str(illegal) for illegal in upstream.illegal] == [True]


async def test_a_message_that_is_no_json_is_refused() -> None:
    upstream = StrictUpstream()
    client = CodexClient()

    async with connected(upstream, "process", client) as socket:
        await ask(socket, client.say("hi"))
        socket.frames.send(b"{")
        await upstream.received(3)

    assert upstream.requests[-1].answer == ["status 400"] and len(upstream.illegal) == 1
