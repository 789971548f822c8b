"""StrictUpstream answers over a WebSocket as scripted, in process and on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from codexplus_core.proxy.transport import UpstreamError, UpstreamRequest
from codexplus_core.testing import CodexClient, CodexSocket, Reply, StrictUpstream
from codexplus_core.testing.asgi_socket import Refusal
from codexplus_core.testing.codex_messages import handshake
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.pipes import Channel, StreamChannel
from codexplus_core.testing.script import (
    Answer,
    call,
    clean_end,
    cut,
    failed,
    incomplete,
    raw,
    reasoning,
    shell,
    stall,
    status,
    text,
)

BASE = "http://upstream.test"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Head:
    """A 101 that was read from a socket."""

    def __init__(self, headers: list[tuple[bytes, bytes]], socket: Channel) -> None:
        self.headers = headers
        self.socket: Any = socket


async def dial(url: str, request: ClientRequest) -> Any:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{request.method} {request.path} HTTP/1.1".encode(), b"Host: x"]
    lines += [name + b": " + value for name, value in request.headers]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    first, *rest = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    pairs = [line.partition(b": ") for line in rest]
    headers = [(name, value) for name, _, value in pairs]
    if first.startswith(b"HTTP/1.1 101 "):
        return Head(headers, StreamChannel(reader, writer))
    refusal = Refusal()
    refusal.status, refusal.headers = int(first.split()[1]), headers
    refusal.body = await reader.readexactly(int(dict(headers)[b"content-length"]))
    writer.close()
    return refusal


@contextlib.asynccontextmanager
async def connected(
    upstream: StrictUpstream, over: str, codex: CodexClient | None = None, *, deflate: bool = True
) -> AsyncIterator[CodexSocket]:
    """A modelled Codex whose WebSocket goes to ``upstream``."""
    client = codex or CodexClient()
    async with asyncio.timeout(10), contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.listen()) if over == "socket" else ""

        async def connect(asked: ClientRequest) -> Any:
            return await (dial(url, asked) if url else upstream.connect(asked.to(BASE)))

        socket = CodexSocket(client, connect, deflate=deflate)
        yield socket
        await socket.close()
        for connection in upstream.connections:
            await connection.over.wait()
        await upstream.aclose()


async def ask(socket: CodexSocket, request: ClientRequest) -> Reply:
    reply = await socket.send(request)
    assert reply is not None
    return reply


both = pytest.mark.parametrize("over", ["process", "socket"])


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

    async with asyncio.timeout(5), upstream.listen() as url:
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


def test_an_older_codex_has_no_websocket() -> None:
    with pytest.raises(ValueError, match=r"0\.98\.0 speaks no WebSocket"):
        CodexSocket(CodexClient("0.98.0"), lambda asked: StrictUpstream().connect(asked.to(BASE)))
