"""One exchange on a connection of ours: ASGI's receive and send, and a shorter way for who knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .arriving import Arriving
from .client import EXTENSION, SOCKET
from .duplex import TransportDuplex
from .head import Head, header_lines
from .transport import Headers

if TYPE_CHECKING:
    from .connection import Connection

Message = MutableMapping[str, Any]

_REASONS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_BODILESS = frozenset((204, 304))


class Direct(Arriving):
    """An exchange as its connection sees it; it is a Client, and an Upgrade for a WebSocket handshake."""

    __slots__ = (
        "_closed", "_kept", "_left_to_send", "_method", "_websocket", "chunked", "close", "ended", "known", "on_gone",
        "on_resume", "paused", "scope", "started", "way",
    )  # fmt: skip

    def __init__(self, connection: Connection, head: Head) -> None:
        super().__init__(connection, head.length)
        self._method = head.method
        self.known = connection.known
        self._websocket = head.websocket
        # What follows a handshake that is refused may have been meant as anything.
        self.close = head.close or head.websocket
        self.started = self.ended = False
        self.paused = self.chunked = self._closed = False
        self.on_gone: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.way: Callable[[bytes], None] | None = None
        self._kept = b""
        self._left_to_send: int | None = None
        self.scope: dict[str, Any] = {
            "type": "websocket" if head.websocket else "http",
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "http_version": "1.1",
            "method": head.method,
            "scheme": "http",
            "path": head.path.decode("latin-1"),
            "raw_path": head.path,
            "query_string": head.query,
            "root_path": "",
            "headers": head.headers,
            "client": connection.client,
            "server": connection.server,
            "state": {},
            "extensions": {SOCKET: self, "websocket.http.response": {}} if head.websocket else {EXTENSION: self},
        }

    # -- what the connection tells

    def leave(self) -> None:
        """The client has gone."""
        self.gone = True
        self.way = None
        self._wake()
        if self.on_gone is not None and not self.ended:
            self.on_gone()

    def pause(self) -> None:
        """The client reads too slowly."""
        self.paused = True
        self.way = None

    def go_on(self) -> None:
        """The client reads again."""
        self.paused = False
        self._open()
        self._wake()
        if self.on_resume is not None:
            self.on_resume()

    def flush(self) -> None:
        """Send what is kept for what comes next: a head for its body, the last bytes for the end."""
        if self._kept:
            self._send(b"")

    # -- ASGI

    async def receive(self) -> Message:
        """The next part of the body, then nothing until the client has gone or its answer is complete."""
        if self._websocket and not self._given:
            self._given = True
            return {"type": "websocket.connect"}
        part = await self._part()
        if part is not None:
            return {"type": "http.request", "body": part, "more_body": self.left > 0}
        while not self.gone and not self.ended:
            await self._wait()
        return {"type": "websocket.disconnect", "code": 1006} if self._websocket else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send the head or a part of the body, once the client has read enough of what was sent before."""
        kind: str = message["type"]
        if kind.endswith(".start"):
            # ASGI allows any two that can be taken apart.
            self.start(message["status"], [(name, value) for name, value in message.get("headers", ())])
            return
        if kind == "websocket.close":
            self.start(403, [(b"content-length", b"0")])
            self.end()
            return
        if not kind.endswith(".body"):
            raise ValueError(f"{kind}: this server takes http.response and websocket.http.response messages")
        if not self.started or self.ended:
            raise ValueError(f"{kind}: {'the answer has ended' if self.ended else 'the head comes first'}")
        while self.paused and not self.gone:
            await self._wait()
        if self.gone:
            # An application that never waits for anything else must get to learn it.
            await asyncio.sleep(0)
            return
        if body := message.get("body", b""):
            self.write(body)
        if not message.get("more_body", False):
            self.end()

    # -- Client

    def start(self, status: int, headers: Headers) -> None:
        """Send the head; the body's framing and the connection's fate are decided here."""
        if self.started:
            raise ValueError("the answer's head was sent before")
        length: int | None = None
        told = framed = False
        for name, value in headers:
            size = len(name)
            if size == 14 and name.lower() == b"content-length":
                if length is not None or not value.isdigit():
                    raise ValueError("the answer's content-length is no plain number, or is given twice")
                length = int(value)
            elif size == 10 and name.lower() == b"connection" and value.lower() == b"close":
                told = True
            elif size == 17 and name.lower() == b"transfer-encoding":
                framed = True
        if framed:
            # How the body is framed is decided here.
            headers = [line for line in headers if line[0].lower() != b"transfer-encoding"]
        lines = header_lines(headers)
        self.started = True
        if status in _BODILESS or self._method == "HEAD":
            self._left_to_send = 0
            length = None
        elif length is None:
            self.chunked = True
            lines += b"transfer-encoding: chunked\r\n"
        else:
            self._left_to_send = length
        if told or self.left or self._connection.ending:
            self.close = True
        if self.close and not told:
            lines += b"connection: close\r\n"
        # Goes out with the first bytes of the body where those are here already, else in the loop's next turn.
        self._kept = b"%b%b\r\n" % (_REASONS.get(status) or b"HTTP/1.1 %d \r\n" % status, lines)
        self._connection.loop.call_soon(self.flush)

    def write(self, data: bytes) -> bool:
        """Send a part of the body in the framing of the head."""
        if self.ended or not data:
            return not self.paused
        if self.chunked:
            self._send(b"%x\r\n%b\r\n" % (len(data), data))
        elif self._left_to_send is not None:
            if len(data) > self._left_to_send:
                data = data[: self._left_to_send]
            self._left_to_send -= len(data)
            if data:
                self._send(data)
        return not self.paused

    def write_chunks(self, data: bytes, closed: bool) -> bool:
        """Send chunks as they came."""
        self._closed = closed
        if self._kept or self.gone:
            self._send(data)
        else:
            self._connection.transport.write(data)
        return not self.paused

    def hold(self, data: bytes) -> None:
        """Send whole chunks as ``way`` does, but with what comes next, at the latest in the loop's next turn."""
        self._kept += data
        self._open()
        self._connection.loop.call_soon(self.flush)

    def end(self) -> None:
        """End the answer; one that lacks promised bytes is not ended, the client is to see a cut."""
        if self.ended or not self.started:
            return
        if self._closed:
            pass
        elif self.chunked:
            self._send(b"0\r\n\r\n")
        elif self._left_to_send:
            return
        else:
            self.flush()
        self.ended = True
        self.way = None
        self._wake()
        self._connection.ended(self)

    # -- Upgrade

    async def accept(self, headers: Headers) -> TransportDuplex:
        """Agree to the upgrade with exactly these header lines; the connection's bytes are the caller's from now on."""
        if self.started:
            raise ValueError("the handshake was answered before")
        lines = header_lines(headers)
        self.started = True
        self._send(b"HTTP/1.1 101 Switching Protocols\r\n%b\r\n" % lines)
        socket = self._connection.upgrade()
        if self.gone:
            socket.lost(None)
        return socket

    # -- inside

    def _send(self, data: bytes) -> None:
        if self._kept:
            data, self._kept = self._kept + data, b""
            self._open()
        if not self.gone:
            self._connection.transport.write(data)

    def _open(self) -> None:
        shut = self._kept or self.paused or self.gone or self.ended or not self.chunked
        self.way = None if shut else self._connection.transport.write
