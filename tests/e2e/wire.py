"""A TCP tap that records what passes, and the HTTP messages read out of its recordings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Lines = list[tuple[bytes, bytes]]

# What belongs to one connection and not to the message (RFC 9110, 7.6.1), and the name of the other end.
OF_THE_CONNECTION = (b"host", b"connection", b"transfer-encoding", b"keep-alive", b"upgrade", b"te")


@dataclass(frozen=True, slots=True)
class Message:
    """One HTTP message: first line, header lines as they stood, body without its framing."""

    start: bytes
    lines: Lines
    body: bytes
    whole: bool

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for key, value in self.lines if key.lower() == name), None)

    @property
    def end_to_end(self) -> Lines:
        """The header lines that a proxy has to keep, in order. The length is each connection's own to write."""
        kept = [(key, value) for key, value in self.lines if key.lower() not in OF_THE_CONNECTION]
        return [(key.lower() if key.lower() == b"content-length" else key, value) for key, value in kept]


@dataclass(slots=True)
class Recording:
    """Both directions of one connection."""

    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)

    def exchanges(self) -> list[tuple[Message, Message]]:
        """The requests with their responses, in order."""
        asked = messages(bytes(self.up), answers=False)
        return list(zip(asked, messages(bytes(self.down), answers=True), strict=False))


class Tap:
    """Listens on a port of its own, passes everything to ``port`` and keeps a copy."""

    def __init__(self) -> None:
        self.port = 0
        self.to = 0
        self.connections: list[Recording] = []
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def exchanges(self) -> list[tuple[Message, Message]]:
        """All exchanges but WebSocket upgrades, which a proxy answers itself."""
        found = [pair for recording in self.connections for pair in recording.exchanges()]
        return [pair for pair in found if pair[0].header(b"upgrade") is None]

    async def saw(self, data: bytes) -> None:
        """Return when these bytes have gone down."""
        while not any(data in recording.down for recording in self.connections):
            await self.news()

    async def news(self) -> None:
        """Return when something has passed."""
        self._news.clear()
        await self._news.wait()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Tap]:
        """Listen."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._pass(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recording = Recording()
        self.connections.append(recording)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        ways = (self._copy(reader, far_writer, recording.up), self._copy(far_reader, writer, recording.down))
        try:
            await asyncio.gather(*ways)
        finally:
            writer.transport.abort()
            far_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: bytearray) -> None:
        try:
            while data := await reader.read(65536):
                copy += data
                self._news.set()
                writer.write(data)
                await writer.drain()
            with contextlib.suppress(OSError):
                writer.write_eof()
        except ConnectionError:
            writer.transport.abort()


def messages(data: bytes, *, answers: bool) -> list[Message]:
    """The HTTP/1.1 messages that one side sent on a connection."""
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            break
        start, *lines = head.split(b"\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        named = {name.lower(): value for name, value in headers}
        if answers and start.split(b" ")[1].startswith(b"1"):
            data = rest
            continue
        if named.get(b"transfer-encoding", b"").lower() == b"chunked":
            body, data, whole = _dechunked(rest)
        elif b"content-length" in named:
            size = int(named[b"content-length"])
            body, data, whole = rest[:size], rest[size:], len(rest) >= size
        elif answers:
            body, data, whole = rest, b"", True
        else:
            body, data, whole = b"", rest, True
        found.append(Message(start, headers, body, whole))
    return found


def _dechunked(data: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        line, end, rest = data.partition(b"\r\n")
        if not end:
            return body, b"", False
        size = int(line, 16)
        body += rest[:size]
        if len(rest) < size + 2:
            return body, b"", False
        data = rest[size + 2 :]
        if size == 0:
            return body, data, True
