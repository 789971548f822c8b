"""The raw fast path, from an answer to a client, over the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_http import CHUNKED_HEAD, END, Connection, Script, always, chunk, ok, serving

from codexplus_core.proxy.chunks import Chunks
from codexplus_core.proxy.passthrough import ClientGone, Hangup, Message, Receive, Send, client_of, forward, send_end
from codexplus_core.proxy.server import serve_app
from codexplus_core.proxy.transport import Answer, Headers, UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.services.settings import ServeSettings

BOUND = 60.0


WAYS = {"the connection": b"", "ASGI messages": b"", "hypercorn": b"te: trailers\r\n"}
"""How bytes reach the client, and the header line that makes a request take that way."""


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Proxy:
    """The least application around the fast path."""

    def __init__(self, upstream_url: str, way: str) -> None:
        self.url = upstream_url
        self.way = way
        self.upstream = CurlUpstream(environ={})
        self.outcomes: asyncio.Queue[str] = asyncio.Queue()
        self.counted = 0
        self.answer: Any = None

    async def start(self) -> None: ...

    async def drain(self, seconds: float, /) -> None: ...

    async def stop(self) -> None:
        await self.upstream.aclose()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.outcomes.put_nowait(await self.exchange(scope, receive, send))

    async def exchange(self, scope: Any, receive: Receive, send: Send) -> str:
        client = client_of(scope)
        assert (client is None) == (self.way == "hypercorn")
        client = client if self.way == "the connection" else None
        while (await receive()).get("more_body"):
            pass
        try:
            with Hangup(receive, client):
                self.answer = answer = await self.upstream.open(UpstreamRequest(scope["method"], self.url, []))
                read, pipe = answer.read, answer.pipe

                async def counted_read() -> bytes:
                    data = await read()
                    self.counted += len(data)
                    return data

                async def counted_pipe(write: Callable[[bytes], bool], framed: Callable[[bytes, bool], bool]) -> None:
                    chunks = Chunks()

                    def counting(data: bytes, closed: bool) -> bool:
                        self.counted += len(chunks.bodies(data))
                        return framed(data, closed)

                    await pipe(write, counting)

                counted = Counted(answer, counted_read, counted_pipe)
                try:
                    await forward(counted, send, client, [h for h in answer.headers if h[0] != b"transfer-encoding"])
                finally:
                    answer.close()
            await send_end(send, client)
        except (UpstreamCut, UpstreamError, ClientGone) as error:
            return type(error).__name__
        return "ended"


class Counted:
    """An answer whose bytes are counted."""

    def __init__(self, answer: Answer, read: Any, pipe: Any) -> None:
        self.status, self.headers = answer.status, answer.headers
        self.read, self.pipe, self.resume, self.close = read, pipe, answer.resume, answer.close
        self.skim = answer.skim

    @property
    def over(self) -> bool:
        return False


@asynccontextmanager
async def proxied(script: Script, way: str) -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    ready: asyncio.Queue[str] = asyncio.Queue()
    stop = asyncio.Event()
    async with asyncio.timeout(BOUND), serving(script) as server:
        proxy = Proxy(server.url, way)
        settings = ServeSettings("127.0.0.1", 0, None, (), Path())
        running = asyncio.create_task(serve_app(proxy, settings, ready=ready.put_nowait, stop=stop, drain_s=0.1))
        url = await ready.get()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\n%bcontent-length: 2\r\n\r\n{}" % WAYS[way])
        try:
            yield proxy, reader, writer
        finally:
            writer.close()
            stop.set()
            await running


@pytest.mark.req("P4", "P5")
@pytest.mark.wire("W2")
async def test_the_head_and_each_chunk_reach_the_client_before_the_next_is_there(way: str) -> None:
    go: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD)
        while data := await go.get():
            await connection.send(chunk(data))
        await connection.send(END)

    async with proxied(script, way) as (proxy, reader, _):
        head = await reader.readuntil(b"\r\n\r\n")
        got = []
        for data in (b"one", b"two"):
            go.put_nowait(data)
            got.append(await reader.readexactly(len(chunk(data))))
        go.put_nowait(b"")

        assert head.startswith(b"HTTP/1.1 200 ")
        assert got == [chunk(b"one"), chunk(b"two")]
        assert await reader.readexactly(len(END)) == END
        assert await proxy.outcomes.get() == "ended"
        assert proxy.counted == 6


@pytest.mark.wire("W7")
@pytest.mark.parametrize("length", [True, False], ids=["length", "chunked"])
async def test_a_cut_upstream_is_a_cut_for_the_client_and_no_line_in_the_log(
    length: bool, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ndata" if length else CHUNKED_HEAD + chunk(b"data")
    async with proxied(always(broken, close=True), way) as (proxy, reader, _):
        got = await reader.read(-1)

        assert got.endswith(b"data" if length else chunk(b"data"))
        assert await proxy.outcomes.get() == "UpstreamCut"
        assert caplog.records == []


@pytest.mark.wire("W6")
@pytest.mark.parametrize("when", ["before the head", "after the head", "after a chunk"])
async def test_a_client_that_hangs_up_ends_the_upstreams_work(
    when: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        if when != "before the head":
            await connection.send(CHUNKED_HEAD + (chunk(b"x") if when == "after a chunk" else b""))
        asked.set()
        await connection.gone()
        gone.set()

    async with proxied(script, way) as (proxy, reader, writer):
        await asked.wait()
        if when != "before the head":
            await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await gone.wait()

        assert await proxy.outcomes.get() == "ClientGone"
        assert caplog.records == []


async def test_a_client_that_does_not_read_pauses_the_upstream(way: str) -> None:
    paused = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD)
        connection.writer.transport.set_write_buffer_limits(high=0)
        while not paused.is_set():
            connection.writer.write(chunk(b"x" * 65536))
            try:
                async with asyncio.timeout(0.3):
                    await connection.writer.drain()
            except TimeoutError:
                # A machine that stands still for a moment takes nothing either.
                if proxy.answer._paused:
                    paused.set()
        await connection.send(END)

    async with proxied(script, way) as (proxy, reader, _):
        await paused.wait()
        held = proxy.counted
        got = await _whole(reader)

        assert held < proxy.counted
        assert got == proxy.counted


async def _whole(reader: asyncio.StreamReader) -> int:
    await reader.readuntil(b"\r\n\r\n")
    total = 0
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        total += size
    return total


async def test_a_connection_carries_one_answer_after_the_other(way: str) -> None:
    async with proxied(always(ok(b"hello")), way) as (proxy, reader, writer):
        for _ in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"content-length: 5" in head
            assert await reader.readexactly(5) == b"hello"
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert [await proxy.outcomes.get() for _ in range(3)] == ["ended"] * 3


class _Messages:
    """A client's messages, as the server hands them out."""

    def __init__(self, *messages: Message) -> None:
        self.queue: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages:
            self.queue.put_nowait(message)

    async def __call__(self) -> Message:
        return await self.queue.get()


async def test_what_a_client_still_sends_is_no_hangup() -> None:
    receive = _Messages({"type": "http.request", "body": b"", "more_body": False})

    with Hangup(receive) as hangup:
        await asyncio.wait_for(_until_empty(receive), BOUND)

    assert not hangup.gone


async def _until_empty(receive: _Messages) -> None:
    while not receive.queue.empty():
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_hangup_ends_the_block_and_leaves_the_task_sound() -> None:
    with pytest.raises(ClientGone), Hangup(_Messages({"type": "http.disconnect"})):
        await asyncio.Event().wait()

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_cancellation_from_outside_stays_one() -> None:
    entered = asyncio.Event()

    async def work() -> None:
        with Hangup(_Messages()):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_in_the_block_wins_over_the_hangup() -> None:
    with pytest.raises(UpstreamCut), Hangup(_Messages({"type": "http.disconnect"})) as hangup:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise UpstreamCut("cut") from None

    assert hangup.gone


async def test_other_headers_may_take_the_answers_place() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await forward(Empty(), send, None)
    await forward(Empty(), send, None, [(b"b", b"2")])

    assert [message["headers"] for message in sent] == [[(b"a", b"1")], [(b"b", b"2")]]
    assert {message["status"] for message in sent} == {201}


class Empty:
    """An answer without a body."""

    over = True

    def __init__(self) -> None:
        self.status = 201
        self.headers: Headers = [(b"a", b"1")]

    async def read(self) -> bytes:
        return b""

    async def skim(self, take: object) -> bytes:
        return b""

    async def pipe(self, write: Callable[[bytes], bool], framed: object = None, passing: object = None) -> None: ...

    def resume(self) -> None: ...

    def close(self) -> None: ...
