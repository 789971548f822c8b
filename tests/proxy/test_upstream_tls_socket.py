"""An upgraded connection through the curl upstream over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
from raw_http import Connection, serving

from codexplus_core.proxy.transport import UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream

BOUND = 60.0


@pytest.mark.parametrize("browser", [None, "chrome"])
async def test_a_socket_speaks_http1_to_a_server_that_would_rather_have_http2(
    certificate: Path, browser: str | None
) -> None:
    chosen = []

    async def script(connection: Connection) -> None:
        chosen.append(connection.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nearly")
        while data := await connection.reader.read(65536):
            await connection.send(data)
        connection.writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    headers = [(b"User-Agent", b"codex/1"), (b"Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAAA==")]
    sent = bytes(range(256)) * 8192
    async with asyncio.timeout(BOUND), serving(script, context) as server:
        upstream = CurlUpstream(
            impersonate=browser, impersonate_hosts={"127.0.0.1"}, ca_file=str(certificate), environ={}
        )
        upgraded = await upstream.connect(UpstreamRequest("GET", server.url.replace("https", "wss"), headers))
        assert not hasattr(upgraded, "status")
        got = bytearray()
        complete = asyncio.Event()

        def write(data: bytes) -> bool:
            got.extend(data)
            if len(got) == len(sent) + 5:
                complete.set()
            return True

        ended = upgraded.socket.pipe(write)
        for start in range(0, len(sent), 10000):
            if not upgraded.socket.write(sent[start : start + 10000]):
                await upgraded.socket.drain()
        await complete.wait()
        upgraded.socket.close()
        await ended
        await upstream.aclose()

    block = b"Host: 127.0.0.1:%d\r\nUpgrade: websocket\r\nUser-Agent: codex/1\r\n" % server.port
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nConnection: Upgrade\r\n\r\n"
    assert chosen == ["http/1.1"]
    assert server.heads == [b"GET / HTTP/1.1\r\n" + block + key]
    assert bytes(got) == b"early" + sent


async def test_a_tls_socket_that_nobody_reads_gets_all_of_it_once_somebody_does(certificate: Path) -> None:
    go = asyncio.Event()
    all_of_it: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n")
        await go.wait()
        data = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await connection.reader.read(65536):
                data += piece
        all_of_it.set_result(bytes(data))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    block = bytes(range(256)) * 256
    async with asyncio.timeout(BOUND), serving(script, context) as server:
        upstream = CurlUpstream(ca_file=str(certificate), environ={})
        upgraded = await upstream.connect(UpstreamRequest("GET", server.url, []))
        assert not hasattr(upgraded, "status")
        sent = 0
        with contextlib.suppress(TimeoutError):
            while True:
                sent += 1
                if not upgraded.socket.write(block):
                    async with asyncio.timeout(0.3):
                        await upgraded.socket.drain()
        go.set()
        upgraded.socket.close()

        assert await all_of_it == block * sent
        await upstream.aclose()


@pytest.mark.parametrize("politely", [True, False])
async def test_a_tls_socket_that_the_server_closes_ends(certificate: Path, politely: bool) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nbye")
        if politely:
            connection.writer.close()
        else:
            connection.reset()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with asyncio.timeout(BOUND), serving(script, context) as server:
        upstream = CurlUpstream(ca_file=str(certificate), environ={})
        upgraded = await upstream.connect(UpstreamRequest("GET", server.url, []))
        assert not hasattr(upgraded, "status")

        assert await upgraded.socket.read() == b"bye"
        if politely:
            assert await upgraded.socket.read() == b""
        else:
            with pytest.raises(ConnectionError):
                await upgraded.socket.read()
        await upstream.aclose()
