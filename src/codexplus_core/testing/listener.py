"""HTTP/1.1 on raw sockets for the scripted upstream, so that a test decides about every byte and every cut."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from ..proxy.transport import UpstreamCut
from .pipes import StreamChannel
from .reply import Cut, Received, Reply

if TYPE_CHECKING:
    from .upstream import StrictUpstream

Framing = Literal["chunked", "length", "close"]

_LIMIT = 64 << 20


class Listener:
    """Serves a StrictUpstream; every connection is a task that ``stop`` ends."""

    def __init__(self, upstream: StrictUpstream, framing: Framing = "chunked") -> None:
        self._upstream = upstream
        self._framing = framing
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Bind and listen; returns the base URL."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=_LIMIT)
        bound = self._server.sockets[0].getsockname()[1]
        return f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer), name="scripted-upstream")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._upstream, self._framing)
        try:
            while await connection.one():
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await writer.wait_closed()


class Connection:
    """One keep-alive connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: StrictUpstream, framing: Framing
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._upstream = upstream
        self._framing = framing
        self._early = b""

    async def one(self) -> bool:
        """Serve one request; whether the connection can carry another."""
        received = await self._request()
        if received is None:
            return False
        if (received.header("upgrade") or "").lower() == "websocket":
            refusal = self._upstream.refusal(received)
            if refusal is None:
                await self._websocket(received)
                return False
            return await self._reply(received, refusal)
        return await self._reply(received, self._upstream.reply(received))

    async def _websocket(self, received: Received) -> None:
        channel = StreamChannel(self._reader, self._writer, self._early)
        headers, connection = self._upstream.join(received, channel)
        lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in headers)]
        await self._write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await connection.serve()

    async def _reply(self, received: Received, reply: Reply) -> bool:
        alive = (received.header("connection") or "").lower() != "close"
        watcher = asyncio.ensure_future(self._watch(reply))
        try:
            return await self._answer(reply) and alive
        except UpstreamCut:
            return False  # the client left while the answer stood at a gate
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
            reply.close()

    async def _request(self) -> Received | None:
        head = self._early
        self._early = b""
        while b"\r\n\r\n" not in head:
            more = await self._reader.read(65536)
            if not more:
                return None
            head += more
        head, _, rest = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        received = Received(method, target, headers, b"")
        if (received.header("expect") or "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in (received.header("transfer-encoding") or "").lower():
            received.raw = await self._chunked(rest)
        else:
            received.raw = await self._exactly(rest, int(received.header("content-length") or 0))
        return received

    async def _exactly(self, have: bytes, size: int) -> bytes:
        if len(have) < size:
            have += await self._reader.readexactly(size - len(have))
        self._early = have[size:]
        return have[:size]

    async def _chunked(self, have: bytes) -> bytes:
        body = b""
        self._early = have
        while True:
            line = await self._line()
            size = int(line.split(b";")[0], 16)
            piece = await self._exactly(self._early, size + 2)
            body += piece[:size]
            if size == 0:
                return body

    async def _line(self) -> bytes:
        while b"\r\n" not in self._early:
            more = await self._reader.read(65536)
            if not more:
                raise ConnectionResetError("the client left inside a chunked body")
            self._early += more
        line, _, self._early = self._early.partition(b"\r\n")
        return line

    async def _watch(self, reply: Reply) -> None:
        try:
            data = await self._reader.read(65536)
        except ConnectionError:
            data = b""
        if data:
            self._early += data
        else:
            reply.close()

    async def _answer(self, reply: Reply) -> bool:
        framing: Framing = "length" if reply.status != 200 or reply.as_json else self._framing
        whole: bytes | None = None
        if framing == "length":
            pieces, cut = [], False
            try:
                async for chunk in reply.chunks():
                    pieces.append(chunk)
            except Cut:
                cut = True
            whole = b"".join(pieces)
            # A cut of a body with a length is a body that is shorter than it said.
            await self._head(reply, [("content-length", str(len(whole) + (1 if cut else 0)))])
            await self._write(whole)
            return not cut
        headers = [("transfer-encoding", "chunked")] if framing == "chunked" else [("connection", "close")]
        await self._head(reply, headers)
        try:
            async for chunk in reply.chunks():
                await self._write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if framing == "chunked" else chunk)
        except Cut as cut:
            if cut.how == "reset" or framing == "close":
                self._writer.transport.abort()
            return False
        if framing == "chunked":
            await self._write(b"0\r\n\r\n")
        return framing == "chunked"

    async def _head(self, reply: Reply, framing: list[tuple[str, str]]) -> None:
        try:
            phrase = HTTPStatus(reply.status).phrase
        except ValueError:
            phrase = "Scripted"
        headers = [f"{name}: {value}" for name, value in [*reply.headers, *framing]]
        lines = [f"HTTP/1.1 {reply.status} {phrase}", *headers]
        await self._write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def _write(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._writer.write(data)
        await self._writer.drain()
