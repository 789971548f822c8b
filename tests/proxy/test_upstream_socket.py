"""An upgraded connection through the curl upstream, against raw servers: nothing but bytes, both ways."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from proxy.upgraded import PATTERN, SWITCH, echo, handshake, into, joined, upgraded_of
from raw_http import Connection, always, serving

from codexplus_core.proxy.transport import (
    Duplex,
)
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.proxy.upstream_handle import QUEUE_LIMIT

MIB = 1024 * 1024


async def received(connection: Duplex, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = await connection.read()
        assert piece, "ended too early"
        data += piece
    return bytes(data)


async def test_the_handshake_goes_up_with_its_own_headers_in_order_and_case(upstream: CurlUpstream) -> None:
    headers = [
        (b"User-Agent", b"codex/1"), (b"authorization", b"Bearer k"), (b"Sec-WebSocket-Version", b"13"),
        (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
        (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits"),
        (b"sec-websocket-protocol", b"a, b"), (b"x-Twice", b"one"), (b"x-Twice", b"two"), (b"x-empty", b""),
    ]  # fmt: skip
    hop = [(b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"websocket")]
    async with serving(echo) as server:
        for sent in (headers, [*hop, *headers]):
            await upstream.connect(handshake(server.url + "/v1/a%2fb/../c?x=%7e", sent))

        block = (
            b"User-Agent: codex/1\r\nauthorization: Bearer k\r\nSec-WebSocket-Version: 13\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            b"sec-websocket-protocol: a, b\r\nx-Twice: one\r\nx-Twice: two\r\nx-empty:\r\n"
        )
        first = b"GET /v1/a%%2fb/../c?x=%%7e HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n" % server.port
        assert server.heads == [first + block + b"Connection: Upgrade\r\n\r\n"] * 2


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_the_scheme_may_be_a_sockets_or_the_webs(upstream: CurlUpstream, scheme: str) -> None:
    async with serving(echo) as server:
        connection = await joined(upstream, server.url.replace("http", scheme))
        connection.write(b"x")

        assert await connection.read() == b"x"


async def test_the_head_of_the_101_is_kept_and_bytes_right_behind_it_are_the_connections(
    upstream: CurlUpstream,
) -> None:
    async with serving(always(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + SWITCH + b"\x82\x05early")) as server:
        upgraded = upgraded_of(await upstream.connect(handshake(server.url)))

        assert upgraded.headers == [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"X-Model", b"m")]
        assert await upgraded.socket.read() == b"\x82\x05early"


@pytest.mark.parametrize("line", [b"content-length: 0", b"transfer-encoding: chunked", b"content-encoding: gzip"])
async def test_headers_about_a_body_mean_nothing_on_a_101(upstream: CurlUpstream, line: bytes) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(SWITCH[:-2] + line + b"\r\n\r\n")
        connection.writer.write(await connection.reader.readexactly(256))

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        connection.write(PATTERN[:256])

        assert await received(connection, 256) == PATTERN[:256]


async def test_two_mib_go_both_ways_at_once_as_they_are(upstream: CurlUpstream) -> None:
    async with serving(echo) as server:
        connection = await joined(upstream, server.url)
        reading = asyncio.create_task(received(connection, 2 * MIB))
        for start in range(0, MIB, 1000):
            if not connection.write(PATTERN[start : start + 1000]):
                await connection.drain()
        connection.write(PATTERN)

        assert await reading == PATTERN * 2


async def test_bytes_that_were_not_read_are_piped_too(upstream: CurlUpstream) -> None:
    got: list[bytes] = []
    asked = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH + b"one")
        await asked.wait()
        await connection.send(b"two")
        connection.writer.close()

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        ended = connection.pipe(into(got))
        asked.set()
        await ended

        assert b"".join(got) == b"onetwo"


async def test_what_is_piped_may_be_answered_from_within(upstream: CurlUpstream) -> None:
    async with serving(echo) as server:
        connection = await joined(upstream, server.url)
        rounds = 0

        def answer(data: bytes) -> bool:
            nonlocal rounds
            rounds += 1
            if rounds < 50:
                connection.write(data)
            else:
                connection.close()
            return True

        ended = connection.pipe(answer)
        connection.write(b"ping")
        await ended

        assert rounds == 50


async def stalling(connection: Connection, stalled: asyncio.Event, size: int) -> None:
    """Switch, then send ``size`` bytes of the pattern; ``stalled`` is set once the other side takes no more."""
    connection.writer.transport.set_write_buffer_limits(high=0)
    await connection.send(SWITCH)
    for _ in range(0, size, MIB):
        connection.writer.write(PATTERN)
        try:
            async with asyncio.timeout(0.5):
                await connection.writer.drain()
        except TimeoutError:
            stalled.set()
            await connection.writer.drain()
    connection.writer.close()


async def test_not_reading_holds_the_upstream_back_and_loses_nothing(upstream: CurlUpstream) -> None:
    stalled = asyncio.Event()
    async with serving(lambda connection: stalling(connection, stalled, 32 * MIB)) as server:
        connection = await joined(upstream, server.url)
        await stalled.wait()
        first = await connection.read()

        assert len(first) <= QUEUE_LIMIT + 16384
        assert first + await received(connection, 32 * MIB - len(first)) == PATTERN * 32
        assert await connection.read() == b""


async def test_a_pipe_that_says_no_holds_the_upstream_back_until_it_resumes(upstream: CurlUpstream) -> None:
    stalled = asyncio.Event()
    got = bytearray()
    most = 0

    def write(data: bytes) -> bool:
        nonlocal most
        got.extend(data)
        most = max(most, len(data))
        return stalled.is_set()

    async with serving(lambda connection: stalling(connection, stalled, 32 * MIB)) as server:
        connection = await joined(upstream, server.url)
        ended = connection.pipe(write)
        await stalled.wait()

        assert len(got) <= QUEUE_LIMIT + 16384
        connection.resume()
        await ended
        assert bytes(got) == PATTERN * 32
        assert most <= QUEUE_LIMIT + 16384


async def test_a_paused_connection_still_sends(upstream: CurlUpstream) -> None:
    stalled = asyncio.Event()
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(connection: Connection) -> None:
        await asyncio.gather(stalling(connection, stalled, 32 * MIB), listen(connection))

    async def listen(connection: Connection) -> None:
        arrived.set_result(await connection.reader.readexactly(MIB))

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        await stalled.wait()
        connection.write(PATTERN)

        assert await arrived == PATTERN


async def test_an_upstream_that_does_not_read_is_told_by_write_and_waited_for_by_drain(
    upstream: CurlUpstream,
) -> None:
    go = asyncio.Event()
    all_of_it: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH)
        await go.wait()
        all_of_it.set_result(await connection.reader.read(-1))

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while True:
                sent += 1
                if not connection.write(PATTERN[:65536]):
                    async with asyncio.timeout(0.3):
                        await connection.drain()
        waiting = asyncio.create_task(connection.drain())
        go.set()
        await waiting
        connection.close()

        assert await all_of_it == PATTERN[:65536] * sent
