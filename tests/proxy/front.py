"""An application behind the real front of the server, for clients that speak bytes."""

from __future__ import annotations

import asyncio
import functools
import inspect
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from hypercorn.config import Config

from codexplus_core.proxy.limits import hypercorn_limits
from codexplus_core.proxy.passthrough import Receive, Send
from codexplus_core.proxy.worker import Worker

BOUND = 60.0
"""Seconds after which a test is given up; every one of them waits for something that happens, none for time."""
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
ODD = b"GET / HTTP/1.1\r\nhost: x\r\nte: trailers\r\n\r\n"
"""A request that hypercorn answers."""
EMPTY = [(b"content-length", b"0")]

App = Callable[[Any, Receive, Send], Awaitable[None]]
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def on_each_loop(scenario: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on asyncio's own loop and on uvloop."""

    @functools.wraps(scenario)
    def test(loop: str, **fixtures: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(BOUND):
                await scenario(**fixtures)

        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(bounded())

    own = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    test.__signature__ = inspect.Signature([own, *inspect.signature(scenario).parameters.values()])  # type: ignore[attr-defined]
    marked: Callable[..., None] = pytest.mark.parametrize("loop", LOOPS)(test)
    return marked


class Front:
    """The front as a test sees it."""

    def __init__(self, worker: Worker, port: int) -> None:
        self.worker = worker
        self.port = port
        self.errors: list[Any] = []

    async def connect(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client that has sent ``data``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        return reader, writer

    async def ask(self, data: bytes) -> bytes:
        """All that comes back until the server ends the connection."""
        reader, writer = await self.connect(data)
        try:
            return await reader.read()
        finally:
            writer.close()

    async def empty(self) -> None:
        """Return when no connection is left."""
        await until(lambda: not self.worker.connections and not self.worker._handed and not self.worker.running)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    while not true():
        await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave with a reset."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@asynccontextmanager
async def fronted(app: App, *, drain_s: float = BOUND, **settings: Any) -> AsyncIterator[Front]:
    """Serve ``app``; nothing may go wrong in the loop, and nothing may be left at the end."""

    async def served(scope: Any, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    config = Config.from_mapping({**hypercorn_limits(), "errorlog": None, **settings})
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    worker = Worker(served, config)
    front = Front(worker, listener.getsockname()[1])
    loop.set_exception_handler(lambda loop, context: front.errors.append(context))
    await worker.listen(listener)
    try:
        yield front
    finally:
        await worker.stop_accepting()
        await worker.exchanges_ended(loop.time() + drain_s, asyncio.Event())
        await worker.close()
        await until(lambda: not worker.connections and not worker._handed)
    assert front.errors == []


async def read_request(receive: Receive) -> bytes:
    """A request's whole body."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            return body


async def answer(send: Send, body: bytes = b"", status: int = 200) -> None:
    """A whole answer with a length."""
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def answered(body: bytes = b"") -> bytes:
    """That answer's bytes."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
