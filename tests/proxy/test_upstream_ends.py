"""How an answer of the curl upstream ends: cut, closed, held back by its reader, or silent."""

from __future__ import annotations

import asyncio

import pytest
from proxy.upstream_requests import post, rest
from raw_http import CHUNKED_HEAD, END, Connection, always, chunk, ok, serving

from codexplus_core.proxy.sources import BodyEvents
from codexplus_core.proxy.transport import UpstreamCut, UpstreamError
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.proxy.upstream_handle import QUEUE_LIMIT

BOUND = 60.0


@pytest.mark.wire("W7")
@pytest.mark.parametrize(
    "broken",
    [
        CHUNKED_HEAD + chunk(b"data"),
        CHUNKED_HEAD + b"40\r\ndata",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ndata",
    ],
    ids=["chunked without end", "inside a chunk", "short"],
)
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
async def test_a_cut_is_never_a_clean_end(upstream: CurlUpstream, broken: bytes, reset: bool) -> None:
    got = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(broken)
        await got.wait()
        connection.reset() if reset else connection.writer.close()

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        first = await answer.read()
        assert not answer.over
        got.set()

        assert first == b"data"
        for _ in range(2):
            with pytest.raises(UpstreamCut, match=r"127\.0\.0\.1"):
                await answer.read()
            assert not answer.over


@pytest.mark.parametrize(
    "whole",
    [CHUNKED_HEAD + chunk(b"data") + END, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndata"],
    ids=["chunks", "length"],
)
async def test_a_clean_end_is_known_without_another_read(upstream: CurlUpstream, whole: bytes) -> None:
    async with serving(always(whole)) as server, asyncio.timeout(BOUND):
        answer = await upstream.open(post(server.url))
        assert await answer.read() == b"data"
        while not answer.over:
            await asyncio.sleep(0)

        assert await answer.read() == b""
        assert answer.over


async def test_what_is_still_to_be_read_is_not_over(upstream: CurlUpstream) -> None:
    async with serving(always(CHUNKED_HEAD + chunk(b"data") + END)) as server, asyncio.timeout(BOUND):
        answer = await upstream.open(post(server.url))
        # Its end is here by the time another whole exchange is over.
        other = await upstream.open(post(server.url))
        while not other.over:
            await other.read()

        assert not answer.over
        assert await answer.read() == b"data"


@pytest.mark.abuse("A12")
@pytest.mark.wire("W7")
@pytest.mark.parametrize(
    "broken",
    [
        CHUNKED_HEAD + b"5\r\nhello\n" + chunk(b"abc") + END,
        CHUNKED_HEAD + b"5\nhello\r\n" + END,
        CHUNKED_HEAD + b"5\r\nhello\n10\r\n" + b"\r\n23456789abcdef\r\n" + END,
        CHUNKED_HEAD.replace(b"chunked", b"gzip, chunked") + b"40\r\ndata",
    ],
    ids=["LF behind a chunk", "LF behind a size", "LF that moves the end", "coding that curl does not follow"],
)
@pytest.mark.parametrize("how", ["read", "pipe", "framed", "events"])
async def test_framing_that_curl_takes_and_others_do_not_is_never_a_clean_end(
    upstream: CurlUpstream, broken: bytes, how: str
) -> None:
    async with serving(always(broken, close=True)) as server:
        answer = await upstream.open(post(server.url))
        with pytest.raises(UpstreamCut, match=r"127\.0\.0\.1"):
            if how == "read":
                await rest(answer)
            elif how == "events":
                events = BodyEvents(answer, None)
                while await events.next() is not None:
                    pass
            else:
                await answer.pipe(lambda _: True, (lambda *_: True) if how == "framed" else None)


@pytest.mark.filterwarnings("ignore")  # in a proxy, a warning of the library's ends nothing either
async def test_a_switch_of_protocols_that_nobody_asked_for_is_an_error(upstream: CurlUpstream) -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nabc"
    async with serving(always(answer)) as server:
        with pytest.raises(UpstreamError) as error:
            await upstream.open(post(server.url))

        assert error.value.kind == "protocol"
        assert "switched to another protocol" in str(error.value)


async def test_bytes_before_a_cut_are_delivered_first(upstream: CurlUpstream) -> None:
    async with serving(always(CHUNKED_HEAD + chunk(b"data"), close=True)) as server:
        answer = await upstream.open(post(server.url))
        got = b""
        with pytest.raises(UpstreamCut):
            while True:
                got += await answer.read()

        assert got == b"data"


@pytest.mark.wire("W6")
async def test_close_after_the_first_byte_hangs_up_on_the_server(upstream: CurlUpstream) -> None:
    gone = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(b"x"))
        await connection.gone()
        gone.set()

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        await answer.read()
        answer.close()
        answer.close()

        await gone.wait()
        with pytest.raises(UpstreamCut):
            await answer.read()


@pytest.mark.wire("W6")
async def test_cancelling_open_before_the_head_hangs_up_on_the_server(upstream: CurlUpstream) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        asked.set()
        await connection.gone()
        gone.set()

    async with serving(script) as server:
        opening = asyncio.create_task(upstream.open(post(server.url)))
        await asked.wait()
        opening.cancel()

        with pytest.raises(asyncio.CancelledError):
            await opening
        await gone.wait()


async def test_a_handle_is_sound_after_an_abort(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        if b"/hang" in connection.head:
            await connection.send(CHUNKED_HEAD + chunk(b"x"))
            await connection.gone()
        else:
            await connection.send(ok(b"fine"))

    async with serving(script) as server:
        for _ in range(20):
            aborted = await upstream.open(post(server.url + "/hang"))
            aborted.close()
            assert await rest(await upstream.open(post(server.url))) == b"fine"


async def test_a_slow_reader_pauses_the_upstream_and_gets_every_byte(upstream: CurlUpstream) -> None:
    size, block = 32 * 1024 * 1024, b"0123456789abcdef" * 4096
    written = 0
    stalled = asyncio.Event()

    async def script(connection: Connection) -> None:
        nonlocal written
        connection.writer.transport.set_write_buffer_limits(high=0)
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while written < size:
            connection.writer.write(block)
            try:
                async with asyncio.timeout(0.5):
                    await connection.writer.drain()
            except TimeoutError:
                stalled.set()
                await connection.writer.drain()
            written += len(block)

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        await stalled.wait()
        first = await answer.read()
        got, same = len(first), first == (block * 8)[: len(first)]
        while data := await answer.read():
            start = got % len(block)
            same = same and (block * (len(data) // len(block) + 2)).startswith(data, start)
            got += len(data)

        assert len(first) <= QUEUE_LIMIT + 16384
        assert (got, same) == (size, True)


async def test_a_paused_answer_can_be_closed(upstream: CurlUpstream) -> None:
    gone = asyncio.Event()

    async def script(connection: Connection) -> None:
        try:
            while True:
                await connection.send(CHUNKED_HEAD if not gone.is_set() else b"")
                while True:
                    await connection.send(chunk(b"x" * 65536))
        except ConnectionError:
            gone.set()

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        await answer.read()
        await asyncio.to_thread(lambda: None)
        answer.close()

        await gone.wait()


async def test_silence_after_the_head_is_a_cut() -> None:
    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(b"x"))
        await connection.gone()

    upstream = CurlUpstream(idle_timeout=0.2, environ={})
    async with asyncio.timeout(BOUND), serving(script) as server:
        answer = await upstream.open(post(server.url))
        await answer.read()

        with pytest.raises(UpstreamCut, match=r"sent nothing for 0\.2 s"):
            await answer.read()
        await upstream.aclose()


async def test_silence_before_the_head_is_a_timeout() -> None:
    async def script(connection: Connection) -> None:
        await connection.gone()

    upstream = CurlUpstream(head_timeout=0.2, environ={})
    async with asyncio.timeout(BOUND), serving(script) as server:
        with pytest.raises(UpstreamError, match="did not answer within") as caught:
            await upstream.open(post(server.url))

        assert caught.value.kind == "timeout"
        await upstream.aclose()


async def test_a_reader_who_takes_long_is_not_the_upstreams_silence() -> None:
    upstream = CurlUpstream(idle_timeout=0.2, environ={})
    async with asyncio.timeout(BOUND), serving(always(CHUNKED_HEAD + chunk(b"x"))) as server:
        answer = await upstream.open(post(server.url))
        other = await upstream.open(post(server.url))
        await other.read()
        with pytest.raises(UpstreamCut):  # a second answer measures the time that passes
            await other.read()

        assert await answer.read() == b"x"
        await upstream.aclose()
