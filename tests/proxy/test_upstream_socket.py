"""An upgraded connection through the curl upstream, against raw servers: nothing but bytes, both ways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from raw_http import Connection, Script, always, chunk, ok, serving

from codexplus_core.proxy.transport import (
    Answer,
    Duplex,
    Headers,
    Upgraded,
    UpstreamCut,
    UpstreamError,
    UpstreamRequest,
)
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.proxy.upstream_handle import QUEUE_LIMIT

BOUND = 20.0
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nX-Model: m\r\n\r\n"
MIB = 1024 * 1024
PATTERN = bytes(range(256)) * 4096


@pytest.fixture
async def upstream() -> AsyncIterator[CurlUpstream]:
    opened = CurlUpstream(environ={})
    async with asyncio.timeout(BOUND):
        yield opened
    await opened.aclose()


def into(parts: list[bytes]) -> Callable[[bytes], bool]:
    """What a pipe may write to: all that comes ends up in ``parts``."""

    def write(data: bytes) -> bool:
        parts.append(data)
        return True

    return write


def handshake(url: str, headers: Headers | None = None) -> UpstreamRequest:
    return UpstreamRequest("GET", url, headers or [(b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA==")])


async def joined(upstream: CurlUpstream, url: str) -> Duplex:
    upgraded = await upstream.connect(handshake(url))
    return upgraded_of(upgraded).socket


def upgraded_of(outcome: Upgraded | Answer) -> Upgraded:
    assert not hasattr(outcome, "status"), "the upgrade was refused"
    return outcome


def refusal_of(outcome: Upgraded | Answer) -> Answer:
    assert not hasattr(outcome, "socket"), "the upgrade was not refused"
    return outcome


async def received(connection: Duplex, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = await connection.read()
        assert piece, "ended too early"
        data += piece
    return bytes(data)


async def rest(answer: Answer) -> bytes:
    parts = []
    while data := await answer.read():
        parts.append(data)
    return b"".join(parts)


async def echo(connection: Connection) -> None:
    await connection.send(SWITCH)
    while data := await connection.reader.read(65536):
        await connection.send(data)
    connection.writer.close()


def then(*after: bytes) -> Script:
    """A script that switches protocols, sends ``after``, and hangs up."""

    async def script(connection: Connection) -> None:
        await connection.send(SWITCH)
        for data in after:
            await connection.send(data)
        connection.writer.close()

    return script


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
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(UpstreamError, match=str(port)) as caught:
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
