"""How an upgraded connection ends, for whom, and what is still delivered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest
from proxy.upgraded import PATTERN, SWITCH, echo, handshake, into, joined, refusal_of
from raw_http import Connection, Script, always, serving

from codexplus_core.proxy.transport import (
    UpstreamCut,
    UpstreamError,
)
from codexplus_core.proxy.upstream import CurlUpstream

BOUND = 60.0


def then(*after: bytes) -> Script:
    """A script that switches protocols, sends ``after``, and hangs up."""

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH)
        for data in after:
            await connection.send(data)
        connection.writer.close()

    return script


async def test_closing_sends_what_waits_and_then_hangs_up(upstream: CurlUpstream) -> None:
    all_of_it: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH)
        all_of_it.set_result(await connection.reader.read(-1))

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        for _ in range(16):
            connection.write(PATTERN)
        connection.close()
        connection.close()
        connection.write(b"too late")

        assert await all_of_it == PATTERN * 16
        assert await connection.read() == b""


async def test_aborting_hangs_up_at_once_and_what_comes_after_it_is_harmless(upstream: CurlUpstream) -> None:
    gone = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH + b"hello")
        await connection.gone()
        gone.set()

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        ended = connection.pipe(into([]))
        connection.abort()
        await gone.wait()
        await ended

        assert connection.write(b"x") is True
        await connection.drain()
        connection.resume()
        connection.close()
        connection.abort()
        assert await connection.read() == b""


async def test_a_pipe_may_abort_from_within(upstream: CurlUpstream) -> None:
    got: list[bytes] = []
    gone = asyncio.Event()

    async def script(connection: Connection) -> None:
        with contextlib.suppress(ConnectionError):
            await connection.send(SWITCH + PATTERN)
            await connection.gone()
        gone.set()

    async with serving(script) as server:
        connection = await joined(upstream, server.url)

        def write(data: bytes) -> bool:
            got.append(data)
            connection.abort()
            return False

        await connection.pipe(write)
        await gone.wait()

        assert len(got) == 1


async def test_an_upstream_that_never_reads_cannot_keep_a_closed_connection_open(
    upstream: CurlUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexplus_core.proxy.upstream_socket._LINGER_S", 0.1)
    ended = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH)
        await ended.wait()

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        for _ in range(32):
            connection.write(PATTERN)
        connection.close()

        assert await connection.read() == b""
        ended.set()


async def test_what_came_before_the_end_is_still_piped_after_a_pause(upstream: CurlUpstream) -> None:
    got = bytearray()
    held = asyncio.Event()

    def write(data: bytes) -> bool:
        got.extend(data)
        if not held.is_set():
            held.set()
            return False
        return True

    async with serving(then(PATTERN)) as server:
        connection = await joined(upstream, server.url)
        ended = connection.pipe(write)
        await held.wait()
        await server.connections[0].writer.wait_closed()
        connection.resume()
        await ended

        assert bytes(got) == PATTERN


@pytest.mark.parametrize("how", ["close", "abort", "close before the end"])
async def test_a_pipe_that_was_held_back_ends_with_its_connection(upstream: CurlUpstream, how: str) -> None:
    got: list[bytes] = []
    more, held = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH + b"x")
        await more.wait()
        await connection.send(b"y")
        connection.writer.close()

    def write(data: bytes) -> bool:
        got.append(data)
        held.set()
        return False

    async with serving(script) as server:
        connection = await joined(upstream, server.url)
        piped = connection.pipe(write)
        await held.wait()
        if how == "close before the end":
            connection.write(PATTERN * 20)
            connection.close()
        more.set()
        while upstream._running:
            await asyncio.sleep(0)
        if how == "close":
            connection.close()
        elif how == "abort":
            connection.abort()
        async with asyncio.timeout(BOUND):
            await asyncio.wait({piped})

    assert got == [b"x"], "what came later is nobody's"


@pytest.mark.parametrize("data", [(), (b"bye",)])
async def test_an_upstream_that_hangs_up_is_a_clean_end(upstream: CurlUpstream, data: tuple[bytes, ...]) -> None:
    got: list[bytes] = []
    async with serving(then(*data)) as server:
        reader = await joined(upstream, server.url)
        piped = await joined(upstream, server.url)
        ended = piped.pipe(into(got))
        read = [await reader.read() for _ in range(len(data) + 1)]
        await ended

        assert (read, got) == ([*data, b""], [*data])
        for connection in (reader, piped):
            assert connection.write(b"x") is True
            await connection.drain()
            connection.resume()
            connection.close()
            connection.abort()


async def test_an_upstream_that_resets_is_a_broken_connection(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(SWITCH)
        await connection.reader.readexactly(4)
        raw = connection.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.reset()

    async with serving(script) as server:
        reader = await joined(upstream, server.url)
        piped = await joined(upstream, server.url)
        ended = piped.pipe(into([]))
        for connection in (reader, piped):
            connection.write(b"ping")

        with pytest.raises(ConnectionError, match=r"http://127\.0\.0\.1"):
            await reader.read()
        with pytest.raises(ConnectionError):
            await ended


async def test_stopping_ends_connections_handshakes_and_refusals() -> None:
    asked = asyncio.Event()

    async def silent(connection: Connection) -> None:
        asked.set()
        await connection.gone()

    refusing = always(b"HTTP/1.1 403 No\r\ncontent-length: 9\r\n\r\n")
    upstream = CurlUpstream(environ={})
    async with asyncio.timeout(BOUND), serving(echo) as a, serving(silent) as b, serving(refusing) as c:
        reader, piped = await joined(upstream, a.url), await joined(upstream, a.url)
        ended = piped.pipe(into([]))
        piped.write(PATTERN)
        answer = refusal_of(await upstream.connect(handshake(c.url)))
        connecting = asyncio.create_task(upstream.connect(handshake(b.url)))
        await asked.wait()
        await upstream.aclose()

        for end in (reader.read(), ended):
            with pytest.raises(ConnectionError, match="stopping"):
                await end
        with pytest.raises(UpstreamCut):
            await answer.read()
        with pytest.raises(UpstreamError):
            await connecting
        with pytest.raises(UpstreamError, match="stopping"):
            await upstream.connect(handshake(a.url))
        for server in (a, b, c):
            for connection in server.connections:
                await connection.gone()
