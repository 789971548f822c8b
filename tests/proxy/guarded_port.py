"""The guard on a real port, in front of the real server or of our own."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from codexplus_core.proxy.guard import Denied, Guard
from codexplus_core.proxy.limits import hypercorn_limits
from codexplus_core.proxy.refuse import refuse
from codexplus_core.proxy.worker import Worker

TOKEN = b"k3y-" + b"A" * 39


MIB = 1024 * 1024


class Port:
    """A listening guard with an application behind it that writes down what reaches it."""

    def __init__(self, number: int) -> None:
        self.guard = Guard(port=number, token=TOKEN)
        self.number = number
        self.reached: list[tuple[str, bytes, list[tuple[bytes, bytes]], bytes]] = []
        self.auth = b"Host: 127.0.0.1:%d\r\nx-codexplus-token: %b\r\n" % (number, TOKEN)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": (await receive())["type"] + ".complete"})
            return
        verdict = self.guard.check(scope)
        if isinstance(verdict, Denied):
            await refuse(verdict, scope, receive, send)
            return
        if scope["type"] == "websocket":
            self.reached.append(("WEBSOCKET", verdict.path, scope["headers"], b""))
            await send({"type": "websocket.http.response.start", "status": 426, "headers": [(b"content-length", b"0")]})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        self.reached.append((scope["method"], verdict.path, scope["headers"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def get(
        self, *lines: bytes, target: bytes = b"/v1/models", version: bytes = b"1.1", method: bytes = b"GET"
    ) -> bytes:
        return b"%b %b HTTP/%b\r\n" % (method, target, version) + self.auth + b"".join(lines) + b"\r\n"

    def post(self, *lines: bytes, body: bytes = b"") -> bytes:
        return self.get(b"Content-Type: application/json\r\n", *lines, target=b"/v1/responses", method=b"POST") + body

    async def raw(self, sent: bytes, *, until_closed: bool = True) -> bytes:
        """Everything that comes back until the server closes, or until there is a whole head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        writing = asyncio.create_task(_write(writer, sent))
        try:
            async with asyncio.timeout(20):
                return await (reader.read() if until_closed else reader.readuntil(b"\r\n\r\n"))
        finally:
            writing.cancel()
            writer.transport.abort()

    async def refused(self, sent: bytes) -> int:
        """The status of a refusal, which must close the connection and must not have reached the application."""
        answer = await self.raw(sent)
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1
        assert b"connection: close" in answer.lower()
        assert b"access-control" not in answer.lower()
        assert self.reached == []
        return int(answer.split()[1])


async def _write(writer: asyncio.StreamWriter, sent: bytes) -> None:
    try:
        writer.write(sent)
        await writer.drain()
    except ConnectionError:
        return


def configured() -> Config:
    config = Config()
    for name, value in hypercorn_limits().items():
        setattr(config, name, value)
    config.graceful_timeout = 1
    config.errorlog = None
    return config


@asynccontextmanager
async def hypercorn() -> AsyncIterator[Port]:
    """The guard behind hypercorn alone."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        app = Port(server.getsockname()[1])
        config = configured()
        config.bind = [f"fd://{server.fileno()}"]
        ended = asyncio.Event()
        serving = asyncio.create_task(serve(app, config, shutdown_trigger=ended.wait))
        try:
            yield app
        finally:
            ended.set()
            async with asyncio.timeout(20):
                await serving
            # hypercorn closed the number; it is not ours to close again.
            server.detach()


@asynccontextmanager
async def own() -> AsyncIterator[Port]:
    """The guard behind the front that reads ordinary requests itself."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = Port(listener.getsockname()[1])
    worker = Worker(app, configured())
    await worker.listen(listener)
    try:
        yield app
    finally:
        async with asyncio.timeout(20):
            await worker.stop_accepting()
            await worker.close()


Listening = Callable[[], AbstractAsyncContextManager[Port]]


WEBSOCKET = (
    b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Sec-WebSocket-Version: 13\r\n",
)  # fmt: skip
