"""A TCP tap that records what passes, and the HTTP and WebSocket messages read out of its recordings."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
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
    rest: bytes
    """What followed it on its connection."""

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for key, value in self.lines if key.lower() == name), None)

    @property
    def end_to_end(self) -> Lines:
        """The header lines that a proxy has to keep, in order. The length is each connection's own to write."""
        kept = [(key, value) for key, value in self.lines if key.lower() not in OF_THE_CONNECTION]
        return [(key.lower() if key.lower() == b"content-length" else key, value) for key, value in kept]


@dataclass(frozen=True, slots=True)
class Socket:
    """One WebSocket: its handshake, and what has passed behind it."""

    asked: Message
    given: Message

    @property
    def said(self) -> list[str]:
        """The text messages that went up."""
        return texts(self.asked.rest)

    @property
    def heard(self) -> list[str]:
        """The text messages that came down."""
        return texts(self.given.rest)


@dataclass(slots=True)
class Recording:
    """Both directions of one connection."""

    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)

    def exchanges(self) -> list[tuple[Message, Message]]:
        """The requests with their responses, in order; the last one may be a handshake."""
        found: list[tuple[Message, Message]] = []
        up, down = bytes(self.up), bytes(self.down)
        while (asked := message(up)) is not None and (given := message(down, answer=True)) is not None:
            found.append((asked, given))
            if given.start.startswith(b"HTTP/1.1 101"):
                break
            up, down = asked.rest, given.rest
        return found

    def socket(self) -> Socket | None:
        """The WebSocket that the connection has become."""
        for asked, given in self.exchanges()[-1:]:
            if given.start.startswith(b"HTTP/1.1 101"):
                return Socket(asked, given)
        return None

    def readable(self) -> bytes:
        """What went down, without compression."""
        socket = self.socket()
        return bytes(self.down) if socket is None else "\n".join(socket.heard).encode()


class Tap:
    """Listens on a port of its own, passes everything to ``port`` and keeps a copy."""

    def __init__(self) -> None:
        self.port = 0
        self.to = 0
        self.connections: list[Recording] = []
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def exchanges(self) -> list[tuple[Message, Message]]:
        """All exchanges but WebSocket handshakes; to one that is refused, a proxy gives its own answer."""
        found = [pair for recording in self.connections for pair in recording.exchanges()]
        return [pair for pair in found if pair[0].header(b"upgrade") is None]

    def sockets(self) -> list[Socket]:
        """All WebSockets that came to be."""
        return [socket for recording in self.connections if (socket := recording.socket()) is not None]

    async def saw(self, data: bytes) -> None:
        """Return when these bytes have gone down, within one message or event."""
        while not any(data in recording.readable() for recording in self.connections):
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


def message(data: bytes, *, answer: bool = False) -> Message | None:
    """The HTTP/1.1 message that the data begins with; None before its head is whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    start, *lines = head.split(b"\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    named = {name.lower(): value for name, value in headers}
    status = start.split(b" ")[1] if answer else b""
    if status.startswith(b"1") and status != b"101":
        return message(rest, answer=True)
    if named.get(b"transfer-encoding", b"").lower() == b"chunked":
        body, rest, whole = _dechunked(rest)
    elif b"content-length" in named:
        size = int(named[b"content-length"])
        body, rest, whole = rest[:size], rest[size:], len(rest) >= size
    elif answer and status != b"101":
        body, rest, whole = rest, b"", True
    else:
        body, whole = b"", True
    return Message(start, headers, body, whole, rest)


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


def texts(data: bytes) -> list[str]:
    """The text messages among the WebSocket frames of one direction, as far as they are whole."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    found: list[str] = []
    parts, packed = b"", False
    while len(data) >= 2:
        first, second = data[0], data[1]
        length, at = second & 127, 2
        if length > 125:
            at += 2 if length == 126 else 8
            length = int.from_bytes(data[2:at], "big")
        mask = data[at : at + 4] if second & 128 else b""
        at += 4 if second & 128 else 0
        if len(data) < at + length:
            break
        payload, data = _unmasked(data[at : at + length], mask), data[at + length :]
        opcode = first & 15
        if opcode > 2:
            continue
        parts, packed = (payload, bool(first & 64)) if opcode else (parts + payload, packed)
        if first & 128:
            whole = inflate.decompress(parts + b"\0\0\xff\xff") if packed else parts
            found.append(whole.decode())
    return found


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    if not mask or not payload:
        return payload
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")
