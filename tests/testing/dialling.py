"""Connections to StrictUpstream, in process and on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from codexplus_core.testing import CodexClient, CodexSocket, Reply, StrictUpstream
from codexplus_core.testing.asgi_socket import Refusal
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.pipes import Channel, StreamChannel

BASE = "http://upstream.test"


KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Head:
    """A 101 that was read from a socket."""

    def __init__(self, headers: list[tuple[bytes, bytes]], socket: Channel) -> None:
        self.headers = headers
        self.socket: Any = socket


async def dial(url: str, request: ClientRequest) -> Any:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{request.method} {request.path} HTTP/1.1".encode(), b"Host: x"]
    lines += [name + b": " + value for name, value in request.headers]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    first, *rest = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    pairs = [line.partition(b": ") for line in rest]
    headers = [(name, value) for name, _, value in pairs]
    if first.startswith(b"HTTP/1.1 101 "):
        return Head(headers, StreamChannel(reader, writer))
    refusal = Refusal()
    refusal.status, refusal.headers = int(first.split()[1]), headers
    refusal.body = await reader.readexactly(int(dict(headers)[b"content-length"]))
    writer.close()
    return refusal


@contextlib.asynccontextmanager
async def connected(
    upstream: StrictUpstream, over: str, codex: CodexClient | None = None, *, deflate: bool = True
) -> AsyncIterator[CodexSocket]:
    """A modelled Codex whose WebSocket goes to ``upstream``."""
    client = codex or CodexClient()
    async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.listen()) if over == "socket" else ""

        async def connect(asked: ClientRequest) -> Any:
            return await (dial(url, asked) if url else upstream.connect(asked.to(BASE)))

        socket = CodexSocket(client, connect, deflate=deflate)
        yield socket
        await socket.close()
        for connection in upstream.connections:
            await connection.over.wait()
        await upstream.aclose()


async def ask(socket: CodexSocket, request: ClientRequest) -> Reply:
    reply = await socket.send(request)
    assert reply is not None
    return reply


both = pytest.mark.parametrize("over", ["process", "socket"])
