"""An upgraded connection that never comes to be, or is one of many."""

from __future__ import annotations

import asyncio

import pytest
from ports import held_port
from proxy.upgraded import PATTERN, echo, handshake, joined, refusal_of, upgraded_of
from raw_http import Connection, always, chunk, ok, serving

from codexplus_core.proxy.transport import (
    Answer,
    UpstreamCut,
    UpstreamError,
    UpstreamRequest,
)
from codexplus_core.proxy.upstream import CurlUpstream

BOUND = 60.0


async def rest(answer: Answer) -> bytes:
    parts = []
    while data := await answer.read():
        parts.append(data)
    return b"".join(parts)


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"400 No", b"401 No", b"426 No", b"503 No"])
async def test_a_refusal_is_an_answer_with_headers_and_body(upstream: CurlUpstream, status: bytes) -> None:
    after: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(connection: Connection) -> None:
        await connection.send(ok(b"sorry", b"Retry-After: 7", b"location: /x", status=status))
        after.set_result(await connection.reader.read(-1))

    async with serving(script) as server:
        answer = refusal_of(await upstream.connect(handshake(server.url)))

        assert answer.status == int(status[:3])
        assert answer.headers == [(b"content-length", b"5"), (b"Retry-After", b"7"), (b"location", b"/x")]
        assert await rest(answer) == b"sorry"
        assert await after == b""
        answer.close()


async def test_a_long_refusal_in_chunks_is_read_to_its_end_or_cut(upstream: CurlUpstream) -> None:
    head = b"HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(PATTERN)
    async with serving(always(head + b"0\r\n\r\n")) as server:
        assert await rest(refusal_of(await upstream.connect(handshake(server.url)))) == PATTERN
    async with serving(always(head, close=True)) as server:
        with pytest.raises(UpstreamCut):
            await rest(refusal_of(await upstream.connect(handshake(server.url))))


async def test_no_server_is_a_connect_error(upstream: CurlUpstream) -> None:
    with held_port() as port, pytest.raises(UpstreamError, match=str(port)) as caught:
        await upstream.connect(handshake(f"ws://127.0.0.1:{port}/"))

    assert caught.value.kind == "connect"


@pytest.mark.parametrize(
    ("said", "kind"), [(b"", "connect"), (b"HTTP/1.1 101 Swi", "connect"), (b"hello\n", "protocol")]
)
async def test_no_head_is_an_error(upstream: CurlUpstream, said: bytes, kind: str) -> None:
    async with serving(always(said, close=True)) as server:
        with pytest.raises(UpstreamError, match=r"http://127\.0\.0\.1") as caught:
            await upstream.connect(handshake(server.url))

    assert caught.value.kind == kind


async def test_a_header_with_a_line_break_is_refused_before_anything_is_sent(upstream: CurlUpstream) -> None:
    async with serving(echo) as server:
        with pytest.raises(UpstreamError, match="line break"):
            await upstream.connect(handshake(server.url, [(b"x", b"a\r\nevil: 1")]))

        assert server.heads == []


async def test_cancelling_the_handshake_hangs_up(upstream: CurlUpstream) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        asked.set()
        await connection.gone()
        gone.set()

    async with serving(script) as server:
        connecting = asyncio.create_task(upstream.connect(handshake(server.url)))
        await asked.wait()
        connecting.cancel()
        await gone.wait()

        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_silence_before_the_head_is_a_timeout_and_silence_after_it_is_not() -> None:
    async def silent(connection: Connection) -> None:
        await connection.gone()

    upstream = CurlUpstream(head_timeout=0.2, idle_timeout=0.2, environ={})
    async with asyncio.timeout(BOUND), serving(echo) as server, serving(silent) as other:
        connection = await joined(upstream, server.url)
        with pytest.raises(UpstreamError, match=r"0\.2 s") as caught:  # measures the time that passes
            await upstream.connect(handshake(other.url))
        connection.write(b"still here")

        assert caught.value.kind == "timeout"
        assert await connection.read() == b"still here"
        await upstream.aclose()


async def test_a_hundred_connections_live_beside_each_other_and_beside_requests(upstream: CurlUpstream) -> None:
    async with serving(echo) as server, serving(always(ok(b"body"))) as web:
        connections = [await joined(upstream, server.url) for _ in range(100)]
        for number, connection in enumerate(connections):
            connection.write(b"%d" % number)
        answers = [await upstream.open(UpstreamRequest("GET", web.url, [])) for _ in range(10)]

        assert [await connection.read() for connection in connections] == [b"%d" % n for n in range(100)]
        assert [await rest(answer) for answer in answers] == [b"body"] * 10
        for connection in connections[::2]:
            connection.abort()
        for connection in connections[1::2]:
            connection.write(b"more")
            assert await connection.read() == b"more"


async def test_a_proxy_is_asked_for_a_tunnel() -> None:
    asked = []

    async def proxy(connection: Connection) -> None:
        asked.append(connection.head.split(b"\r\n")[0])
        if connection.head.startswith(b"CONNECT"):
            await connection.send(b"HTTP/1.1 200 OK\r\nx-proxy: 1\r\n\r\n")
        else:
            await echo(connection)

    async with asyncio.timeout(BOUND), serving(proxy) as server:
        upstream = CurlUpstream(environ={"HTTP_PROXY": server.url})
        upgraded = upgraded_of(await upstream.connect(handshake("ws://api.example/v1/responses")))
        upgraded.socket.write(b"x")

        assert await upgraded.socket.read() == b"x"
        assert asked == [b"CONNECT api.example:80 HTTP/1.1", b"GET /v1/responses HTTP/1.1"]
        assert (b"x-proxy", b"1") not in upgraded.headers
        await upstream.aclose()
