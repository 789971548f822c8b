"""One client connection: ordinary requests are read and answered right here, all others by hypercorn's own protocol."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from .direct import Direct
from .duplex import TransportDuplex
from .head import END, LIMIT, read_head

if TYPE_CHECKING:
    from .worker import Worker

Address = tuple[str, int]
_WRITE_AHEAD = 128 * 1024
_PIPELINED = 64 * 1024


class Connection(asyncio.Protocol):
    """A connection from its first byte to its end, or until it is handed to hypercorn for good.

    A head that does not come in one piece, or that is out of the ordinary in any way, is hypercorn's, with all that
    follows on its connection: what is doubtful is judged in one place only.
    """

    __slots__ = (
        "_ahead", "_held", "_now", "_socket", "_worker", "client", "idle_since", "known", "loop", "server", "transport",
    )  # fmt: skip

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.loop = worker.loop
        self.known: dict[str, object] = {}
        self._now: Direct | None = None
        self._socket: TransportDuplex | None = None
        self._ahead = b""
        self._held = False
        self.transport: asyncio.Transport
        self.client: Address | None = None
        self.server: Address | None = None
        self.idle_since: float | None = None
        """The loop's time since which nothing is under way; None while something is."""

    @property
    def ending(self) -> bool:
        """Whether no further request is to come on this connection."""
        return self._worker.draining

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is said yet; the clock of an idle connection runs."""
        # uvloop's own are no subclass of asyncio's.
        self.transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=_WRITE_AHEAD)
        self.client = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        self.idle_since = self._worker.loop.time()
        self._worker.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the request under way, of the next one, or of an upgraded connection."""
        now = self._now
        if now is None:
            if self._socket is not None:
                self._socket.feed(data)
            else:
                self._next(data)
            return
        if now.left:
            data = now.feed(data)
        if data:
            self._ahead += data
            if len(self._ahead) >= _PIPELINED:
                self.hold()

    def eof_received(self) -> bool:
        """The client sends no more: as everywhere here, that means it has gone."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is over; whatever is under way learns it."""
        self._worker.gone(self)
        if self._now is not None:
            self._now.leave()
        if self._socket is not None:
            self._socket.lost(error)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        if self._socket is not None:
            self._socket.pause()
        elif self._now is not None:
            self._now.pause()

    def resume_writing(self) -> None:
        """The client has read what waited."""
        if self._socket is not None:
            self._socket.go_on()
        elif self._now is not None:
            self._now.go_on()

    # -- for the exchange under way

    def hold(self) -> None:
        """Take no more bytes for now."""
        if not self._held:
            self._held = True
            self.transport.pause_reading()

    def release(self) -> None:
        """Take bytes again."""
        if self._held:
            self._held = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def upgrade(self) -> TransportDuplex:
        """The connection's bytes from now on."""
        socket = self._socket = TransportDuplex(self.transport)
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            socket.feed(ahead)
        self.release()
        return socket

    # -- requests

    def _next(self, data: bytes) -> None:
        """The beginning of a request."""
        end = data.find(END)
        head = read_head(data[: end + 4]) if 0 <= end < LIMIT else None
        if head is None:
            self._worker.hand_over(self, data)
            return
        self.idle_since = None
        now = self._now = Direct(self, head)
        rest = data[end + 4 :]
        if rest:
            # Bytes behind a handshake are the upgraded connection's.
            self._ahead = rest if head.websocket else now.feed(rest)
        self._worker.begin(self, now)

    def answered(self, now: Direct) -> None:
        """The application is done with a request: keep the connection, or end it."""
        if self._socket is not None:
            # Whoever took the bytes has ended what it had to say.
            self._now = None
            self.transport.close()
            return
        if now.gone:
            return
        if not now.ended or now.close or now.left or self._worker.draining:
            # After an answer that was not ended this is a cut.
            now.flush()
            self.transport.close()
            return
        self._now = None
        self.release()
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            self._next(ahead)
        else:
            self.idle_since = self._worker.loop.time()

    def failed(self, now: Direct) -> None:
        """The application broke, or was ended."""
        if self._socket is not None:
            self.transport.abort()
        elif not now.gone:
            if not now.started:
                now.start(500, [(b"content-length", b"0"), (b"connection", b"close")])
            now.flush()
            self.transport.close()


def _address(name: tuple[str, int] | tuple[str, int, int, int] | None) -> Address | None:
    return None if not name else (name[0], name[1])
