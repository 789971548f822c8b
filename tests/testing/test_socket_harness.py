"""The harness's client tries a WebSocket first, at an application that takes it, refuses it, or goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from codexplus_core.proxy.client import SOCKET
from codexplus_core.proxy.transport import Duplex, UpstreamRequest
from codexplus_core.testing import CodexClient, CodexSocket, Harness, StrictUpstream, cut, shell, stall, text
from codexplus_core.testing.asgi_socket import AsgiSockets, Upgrade
from codexplus_core.testing.codex_requests import ClientRequest

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def refused(scope: Any, receive: Receive, send: Send, status: int = 426) -> None:
    await send({"type": "websocket.http.response.start", "status": status, "headers": [(b"x-a", b"b")]})
    await send({"type": "websocket.http.response.body", "body": b"no ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"socket"})


class Tunnel:
    """The least that an application does to relay a WebSocket: both heads, then the bytes as they are."""

    def __init__(self, upstream: StrictUpstream) -> None:
        self.upstream = upstream
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.seen.append((await receive())["type"])
        upgrade: Upgrade = scope["extensions"][SOCKET]
        url = "http://upstream.test" + scope["raw_path"].decode()
        headers = [line for line in scope["headers"] if line[0] not in (b"host", b"Connection", b"Upgrade")]
        up: Any = await self.upstream.connect(UpstreamRequest("GET", url, headers))
        down = await upgrade.accept(up.headers)
        both = asyncio.gather(copy(up.socket, down), copy(down, up.socket))
        self.seen.append((await receive())["type"])
        await both


async def copy(source: Duplex, target: Duplex) -> None:
    def write(data: bytes) -> bool:
        target.write(data)
        return True

    try:
        await source.pipe(write)
        target.close()
    except ConnectionError:
        target.abort()


def codex_at(app: Any, client: CodexClient) -> tuple[CodexSocket, AsgiSockets]:
    server = AsgiSockets(app)

    async def connect(asked: ClientRequest) -> Any:
        return await server.open({"raw_path": asked.path.encode(), "headers": asked.headers})

    return CodexSocket(client, connect), server


async def test_an_application_relays_the_bytes_of_both_sides() -> None:
    upstream = StrictUpstream([shell("ls"), text("done"), cut(3), text("again")])
    client, app = CodexClient(), Tunnel(upstream)
    socket, server = codex_at(app, client)

    async with asyncio.timeout(60):
        first = await socket.send(client.say("hi"))
        second = await socket.send(client.outputs("ok"))
        broken = await socket.send(client.say("more"))
        again = await socket.send(client.retry())
        await socket.close()
        await server.aclose()
        await upstream.aclose()

    assert first is not None and len(first.seen.calls) == 1
    assert second is not None and second.text == "done"
    assert broken is not None and not broken.ended and broken.seen.retries
    assert again is not None and again.text == "again"
    assert app.seen == ["websocket.connect", "websocket.disconnect"] * 2
    assert upstream.connections[0].compressed and upstream.illegal == []


async def test_leaving_reaches_the_upstream_through_the_application() -> None:
    upstream = StrictUpstream([stall("never", 3)])
    client = CodexClient()
    socket, server = codex_at(Tunnel(upstream), client)

    async with asyncio.timeout(60):
        asking = asyncio.ensure_future(socket.send(client.say("hi")))
        await upstream.standing_at("never")
        socket.interrupt()
        await asking
        await server.aclose()
        await upstream.connections[0].over.wait()

    assert upstream.turns[0].aborted


async def test_a_refusal_comes_whole() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await refused(scope, receive, send, status=503)

    client = CodexClient()
    socket, server = codex_at(app, client)

    reply = await socket.send(client.say("hi"))
    await server.aclose()

    assert reply is not None
    assert (reply.status, reply.body, reply.header("x-a")) == (503, b"no socket", "b")


async def test_what_the_application_raises_is_raised() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    client = CodexClient()
    socket, server = codex_at(app, client)

    with pytest.raises(ZeroDivisionError):
        await socket.send(client.say("hi"))
    await server.aclose()


async def test_an_application_that_goes_wrong_later_cuts_the_client_off_and_is_told_at_the_end() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        key = dict(scope["headers"])[b"Sec-WebSocket-Key"]
        from wsproto.utilities import generate_accept_token

        accept = (b"Sec-WebSocket-Accept", generate_accept_token(key))
        down = await scope["extensions"][SOCKET].accept([accept])
        await down.read()
        raise ZeroDivisionError

    client = CodexClient()
    socket, server = codex_at(app, client)

    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(60):
            asking = asyncio.ensure_future(socket.send(client.say("hi")))
            await socket_opened(socket, 2)
            socket.interrupt()
            await asking
            await server.aclose()


async def socket_opened(socket: CodexSocket, count: int) -> None:
    while len(socket.handshakes) < count:
        await asyncio.sleep(0)


async def test_an_application_that_holds_on_to_a_connection_is_told() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await scope["extensions"][SOCKET].accept([])
        await asyncio.get_running_loop().create_future()

    client = CodexClient()
    socket, server = codex_at(app, client)

    with pytest.raises(ConnectionError, match="key"):
        await socket.send(client.say("hi"))
    with pytest.raises(AssertionError, match="still serves"):
        await server.aclose(patience_s=0)


async def test_where_the_proxy_refuses_the_client_uses_http_for_good() -> None:
    async with Harness(script=[shell("ls"), text("one"), text("two")], transport="websocket") as proxy:
        proxy._server = AsgiSockets(refused)  # whatever the proxy does
        first = await proxy.say("hi")
        second = await proxy.tool_outputs("ok")
        socket = proxy.socket
        proxy.resume()
        third = await proxy.say("more")

    assert (len(first.seen.calls), second.text, third.text) == (1, "one", "two")
    assert [first.status, first.ended] == [200, True]
    assert {got.method for got in proxy.upstream.requests} == {"POST"}
    assert socket.fell_back and len(socket.handshakes) == 1
    assert proxy.socket is not socket and len(proxy.socket.handshakes) == 1


async def test_the_harness_speaks_over_a_websocket_where_the_application_takes_it() -> None:
    script = [shell("ls"), text("one"), cut(4), text("two"), text("three")]
    async with Harness(script=script, transport="websocket") as proxy:
        proxy._server = AsgiSockets(Tunnel(proxy.upstream))
        await proxy.say("hi")
        one = await proxy.tool_outputs("ok")
        broken = await proxy.say("more")
        two = await proxy.retry()
        title = proxy.codex.title_request("hi")
        child = CodexClient(seed=3)
        named = await proxy.send(title, codex=child)
        proxy.resume()
        three = await proxy.say("again")

    assert (one.text, two.text, three.text) == ("one", "two", "three")
    assert (one.status, one.header("upgrade"), broken.ended) == (200, "websocket", False)
    assert b"scripted title" in named.body
    assert [len(connection.requests) for connection in proxy.upstream.connections] == [4, 1, 2, 2]


async def test_a_compaction_by_its_endpoint_goes_over_http() -> None:
    async with Harness(script=[text("one"), text("two")], codex="0.120.0", transport="websocket") as proxy:
        proxy._server = AsgiSockets(Tunnel(proxy.upstream))
        await proxy.say("hi")
        asked = proxy.codex.compact()
        compacted = await proxy.request(asked.method, asked.path, asked.headers, asked.body)
        proxy.codex.compacted(compacted.body)
        reply = await proxy.say("more")

    assert reply.text == "two"


def test_a_version_without_websockets_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="speaks no WebSocket"):
        Harness(codex="0.60.1", transport="websocket")
    with pytest.raises(ValueError, match="transport="):
        _ = Harness().socket
