"""Listening, draining and ending."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ports import held_port

from codexplus_core.proxy.passthrough import Receive, Send
from codexplus_core.proxy.server import serve_app
from codexplus_core.services.settings import ServeSettings

BOUND = 60.0
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Recorder:
    """An application that streams until told to end, and notes what happens to it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.streaming = asyncio.Event()
        self.finish = asyncio.Event()
        self.draining = asyncio.Event()

    async def start(self) -> None:
        self.log.append("start")

    async def drain(self, seconds: float, /) -> None:
        self.log.append("drain")
        self.draining.set()

    async def stop(self) -> None:
        self.log.append("stop")

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        self.streaming.set()
        try:
            await self.finish.wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        await send({"type": "http.response.body", "body": b"y"})
        self.log.append("ended")


class Run:
    """A server in this loop."""

    def __init__(self, app: Recorder, *, drain_s: float = BOUND, fd: int | None = None) -> None:
        self.waiting: list[int] = []
        self.app = app
        self.stop, self.abort = asyncio.Event(), asyncio.Event()
        self.url: asyncio.Queue[str] = asyncio.Queue()
        self.port = 0
        settings = ServeSettings("127.0.0.1", 0, None, (), Path(), listen_fd=fd)
        self.task = asyncio.create_task(
            serve_app(
                app, settings, ready=self.url.put_nowait, stop=self.stop, abort=self.abort, drain_s=drain_s,
                waiting=self.waited_for,
            )
        )  # fmt: skip
        self.told = asyncio.Event()

    def waited_for(self, running: int) -> None:
        self.waiting.append(running)
        self.told.set()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(REQUEST)
        return reader, writer


@asynccontextmanager
async def running(app: Recorder, **how: Any) -> AsyncIterator[Run]:
    async with asyncio.timeout(BOUND):
        run = Run(app, **how)
        url = await run.url.get()
        run.port = int(url.removeprefix("http://127.0.0.1:").removesuffix("/v1"))
        yield run
        run.stop.set()
        await run.task


@pytest.mark.req("P11")
async def test_a_drain_closes_the_listener_and_lets_a_stream_end() -> None:
    app = Recorder()
    async with running(app) as run:
        reader, writer = await run.connect()
        await app.streaming.wait()
        run.stop.set()
        await app.draining.wait()
        with pytest.raises(ConnectionError):
            await run.connect()
        app.finish.set()
        got = await reader.read()
        await run.task
        writer.close()

    assert got.endswith(b"1\r\nx\r\n1\r\ny\r\n0\r\n\r\n")
    assert app.log == ["start", "drain", "ended", "stop"]


async def test_a_drain_tells_once_how_many_answers_it_waits_for() -> None:
    app = Recorder()
    async with running(app) as run:
        first, second = await run.connect(), await run.connect()
        for reader, _ in (first, second):
            await reader.readuntil(b"x\r\n")
        run.stop.set()
        await run.told.wait()
        app.finish.set()
        await run.task
        for _, writer in (first, second):
            writer.close()

    assert run.waiting == [2]


async def test_the_deadline_cuts_a_stream_that_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    app = Recorder()
    async with running(app, drain_s=0.05) as run:
        reader, writer = await run.connect()
        await app.streaming.wait()
        run.stop.set()
        got = await reader.read()
        await run.task
        writer.close()

    assert got.endswith(b"1\r\nx\r\n")
    assert app.log == ["start", "drain", "cancelled", "stop"]
    assert caplog.records == []


async def test_a_second_signal_ends_a_drain_at_once() -> None:
    app = Recorder()
    async with running(app, drain_s=3600) as run:
        reader, writer = await run.connect()
        await app.streaming.wait()
        run.stop.set()
        await app.draining.wait()
        run.abort.set()
        await run.task

        assert (await reader.read()).endswith(b"1\r\nx\r\n")
        writer.close()
    assert app.log == ["start", "drain", "cancelled", "stop"]


async def test_a_client_that_never_reads_does_not_hold_up_the_end() -> None:
    class Flooding(Recorder):
        async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            self.streaming.set()
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})

    flooding = Flooding()
    async with running(flooding, drain_s=0.05) as run:
        with socket.create_connection(("127.0.0.1", run.port)) as client:
            client.send(REQUEST)
            await flooding.streaming.wait()
            run.stop.set()
            await run.task

    assert flooding.log == ["start", "drain", "stop"]


async def test_idle_connections_do_not_hold_up_the_end() -> None:
    app = Recorder()
    async with running(app, drain_s=3600) as run:
        reader, writer = await asyncio.open_connection("127.0.0.1", run.port)
        run.stop.set()
        await run.task

        assert await reader.read() == b""
        writer.close()
    assert app.log == ["start", "drain", "stop"]
    assert run.waiting == []


@pytest.mark.abuse("A22")
async def test_a_taken_port_is_an_error_that_names_it_before_anything_starts() -> None:
    app = Recorder()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings = ServeSettings("127.0.0.1", port, None, (), Path())

        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}: in use by another program") as caught:
            await serve_app(app, settings, stop=asyncio.Event())

    assert caught.value.errno == errno.EADDRINUSE
    assert app.log == []


async def test_an_application_that_cannot_start_ends_the_server_and_frees_the_port() -> None:
    class Broken(Recorder):
        async def start(self) -> None:
            raise RuntimeError("no")

    with held_port() as port:
        with pytest.raises(RuntimeError, match="no"):
            await serve_app(Broken(), ServeSettings("127.0.0.1", port, None, (), Path()), stop=asyncio.Event())

        socket.create_server(("127.0.0.1", port)).close()


async def test_a_socket_that_is_handed_over_is_served() -> None:
    app = Recorder()
    app.finish.set()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with running(app, fd=listener.detach()) as run:
        reader, writer = await run.connect()
        await reader.readuntil(b"0\r\n\r\n")
        writer.close()

        assert run.port == port


async def test_head_lines_of_the_server_are_not_added() -> None:
    app = Recorder()
    app.finish.set()
    async with running(app) as run:
        reader, writer = await run.connect()
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert head == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
