"""One client connection: ordinary requests are read and answered right here, all others by hypercorn's own protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from .arriving import LARGE
from .direct import Direct
from .duplex import TransportDuplex
from .filling import Filling
from .head import END, LIMIT, read_head

if TYPE_CHECKING:
    from .arriving import Arriving
    from .worker import Worker

Address = tuple[str, int]
_WRITE_AHEAD = 128 * 1024
_PIPELINED = 64 * 1024
_COPIED = 32 * 1024
_FORESEEN = 4 * 1024 * 1024
"""Bytes up to which a body is gathered before anybody asks for it, where the one before was asked for whole."""


class Connection(asyncio.Protocol):
    """A connection from its first byte to its end, or until it is handed to hypercorn for good.

    A head that does not come in one piece, or that is out of the ordinary in any way, is hypercorn's, with all that
    follows on its connection: what is doubtful is judged in one place only.
    """

    __slots__ = (
        "_ahead", "_filling", "_full", "_held", "_now", "_path", "_socket", "_whole", "_worker", "client", "idle_since",
        "known", "loop", "server", "transport",
    )  # fmt: skip

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.loop = worker.loop
        self.known: dict[str, object] = {}
        self._now: Direct | None = None
        self._socket: TransportDuplex | None = None
        self._ahead = b""
        self._held = False
        self._full = False
        self._filling: Filling | None = None
        self._path = self._whole = b""  # of the request under way, and of the last large one that was wanted whole
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
        if self.client is None or self.server is None or self._worker.draining:
            # A client that broke off before it was accepted has no address (with uvloop), and its bytes come all the
            # same: whose they are could not be told.
            transport.abort()
            return
        self.idle_since = self._worker.loop.time()
        self._worker.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the request under way, of the next one, or of an upgraded connection."""
        data = bytes(data)  # Windows' loop hands over a bytearray
        now = self._now
        if self._socket is not None:
            self._socket.feed(data)
        elif now is None:
            self._next(data)
        elif surplus := now.feed(data) if now.left else data:
            self._ahead += surplus
            if len(self._ahead) >= _PIPELINED:
                self.hold()

    def eof_received(self) -> bool:
        """The client sends no more: as everywhere here, that means it has gone."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is over; whatever is under way learns it."""
        self._worker.gone(self)
        self._forget()
        now, self._now = self._now, None
        if now is not None:
            now.leave()
        if self._socket is not None:
            self._socket.lost(error)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._full = True
        if self._socket is not None:
            self._socket.pause()
        elif self._now is not None:
            self._now.pause()

    def resume_writing(self) -> None:
        """The client has read what waited."""
        self._full = False
        if self._socket is not None:
            self._socket.go_on()
        elif self._now is not None:
            self._now.go_on()
        else:
            self._go_on()

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

    def fill(self, arriving: Arriving, size: int, here: Iterable[bytes | memoryview]) -> None:
        """Let the rest of a body of ``size`` bytes go straight into one piece."""
        if self._filling is None:
            self.hold()  # a loop may ask a protocol what it is when reading begins
            self._filling = Filling(self)
            self.transport.set_protocol(self._filling)
        self._whole = self._path
        self._filling.fill(arriving, size, here)

    def upgrade(self) -> TransportDuplex:
        """The connection's bytes from now on."""
        if self._filling is not None:
            self.hold()
            self._forget()
            self.transport.set_protocol(self)
        socket = self._socket = TransportDuplex(self.transport)
        if self._full:
            socket.pause()
        # In this order: more than it takes ahead holds the client back again.
        self.release()
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            socket.feed(ahead)
        return socket

    def _forget(self) -> None:
        # It leads back to here, and both would stay until the collector comes.
        filling, self._filling = self._filling, None
        if filling is not None:
            filling.leave()

    def ended(self, now: Direct) -> None:
        """An answer is complete: the next request may come, whatever the application has still to do."""
        if now is not self._now:
            return
        if now.close or now.left or self._worker.draining:
            self.transport.close()
            return
        self._now = None
        self._go_on()

    # -- requests

    def _next(self, data: bytes) -> None:
        """The beginning of a request."""
        end = data.find(END)
        head = read_head(data[: end + 4]) if 0 <= end < LIMIT else None
        if head is None:
            self.release()
            self._forget()
            self._worker.hand_over(self, data)
            return
        self.idle_since = None
        self._path = head.path
        now = self._now = Direct(self, head)
        # A large body's first part is not copied before all of it is.
        rest = data[end + 4 :] if len(data) < _COPIED else memoryview(data)[end + 4 :]
        if len(rest) - head.length < _PIPELINED:
            # Only now: a client that asks faster than it is answered would get ahead a little further each time.
            self.release()
        if rest:
            # Bytes behind a handshake are the upgraded connection's.
            self._ahead = bytes(rest) if head.websocket else now.feed(rest)
        if now.left < LARGE:
            self._worker.begin(self, now)
        elif self._filling is not None and self._path == self._whole and now.left <= _FORESEEN:
            # As the last one here: the loop reads it on without being stopped and started.
            now.fill()
            self._worker.begin(self, now)
        else:
            # Whoever wants it whole says so in its first turn, and so decides where it is to go.
            self.hold()
            self._worker.begin(self, now)
            self.loop.call_soon(self.release)

    def _go_on(self) -> None:
        """Nothing is under way."""
        if self.transport.is_closing():
            return
        if not self._full:
            if self._ahead:
                ahead, self._ahead = self._ahead, b""
                self._next(ahead)
                return
            self.release()
        else:
            # Whoever does not read its answers gets to ask no more.
            self.hold()
        self.idle_since = self.loop.time()

    # -- what became of the application

    def answered(self, now: Direct) -> None:
        """The application is done with a request."""
        if self._socket is not None and now is self._now:
            # Whoever took the bytes has ended what it had to say.
            self.transport.close()
        elif not now.started:
            self.failed(now)
        elif not now.ended and not now.gone:
            # A cut: the answer was not ended.
            now.flush()
            self.transport.close()

    def failed(self, now: Direct) -> None:
        """The application broke, was ended, or said nothing."""
        if self._socket is not None and now is self._now:
            self.transport.abort()
        elif not now.ended and not now.gone:
            if not now.started:
                now.start(500, [(b"content-length", b"0"), (b"connection", b"close")])
            now.flush()
            self.transport.close()


def _address(name: tuple[str, int] | tuple[str, int, int, int] | None) -> Address | None:
    return None if not name else (name[0], name[1])
