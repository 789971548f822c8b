"""A connection in memory: two ends, each with the bytes that the other one wrote."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

LIMIT = 64 * 1024


class Channel(Protocol):
    """The half of a Duplex by which frames are read and written."""

    async def read(self) -> bytes:
        """Bytes, ``b""`` at the end; raises ConnectionError where the connection broke."""
        ...

    def write(self, data: bytes) -> bool:
        """Send bytes; False where ``drain`` is due."""
        ...

    async def drain(self) -> None:
        """Wait until more may be sent."""
        ...

    def close(self) -> None:
        """Send what waits, then end."""
        ...

    def abort(self) -> None:
        """Break the connection."""
        ...


class Pipe:
    """One end of a connection in memory: a Duplex. Make two with ``pipes``.

    At most ``limit`` bytes wait unread before ``write`` says False. What was written before an ``abort`` still arrives
    before the ConnectionError, so that a test sees the same every time.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.over = asyncio.Event()
        """Set once either end has left."""
        self._limit = limit
        self._other: Pipe = self
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._ended: Exception | bool = False
        """No byte comes after those that wait; the error where the other end broke off."""
        self._left = False
        self._sink: Callable[[bytes], bool] | None = None
        self._held = False
        self._scheduled = False
        self._piped: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """How many bytes wait here to be read."""
        return self._size

    @property
    def left(self) -> bool:
        """Whether this end has closed or aborted."""
        return self._left

    async def read(self) -> bytes:
        """What has come since the last call; ``b""`` at the end."""
        while not (self._waiting or self._ended):
            self._news.clear()
            await self._news.wait()
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._taken(len(data))
            return data
        if isinstance(self._ended, Exception):
            raise self._ended
        return b""

    def pipe(self, write: Callable[[bytes], bool]) -> asyncio.Future[None]:
        """Hand all bytes to ``write``; done at the end, with a ConnectionError where the other end broke off."""
        self._sink = write
        self._piped = asyncio.get_running_loop().create_future()
        self._schedule()
        return self._piped

    def resume(self) -> None:
        """Go on after a ``write`` that returned False."""
        self._held = False
        self._schedule()

    def write(self, data: bytes) -> bool:
        """Send bytes; harmless after the end."""
        other = self._other
        if self._left or other._left or not data:
            return True
        other._waiting.append(bytes(data))
        other._size += len(data)
        other._wake()
        if other._size < self._limit:
            return True
        self._room.clear()
        return False

    async def drain(self) -> None:
        """Wait until fewer than ``limit`` bytes are unread at the other end."""
        await self._room.wait()

    def close(self) -> None:
        """End the connection well."""
        self._leave(True)

    def abort(self) -> None:
        """Break the connection."""
        self._leave(ConnectionResetError("the other end broke the connection"))

    def _leave(self, how: Exception | bool) -> None:
        if self._left:
            return
        self._left = True
        other = self._other
        other._ended = other._ended or how
        self._ended = self._ended or True
        self._waiting.clear()
        self._size = 0
        for end in (self, other):
            end.over.set()
            end._room.set()
            end._wake()

    def _taken(self, size: int) -> None:
        self._size -= size
        if self._size < self._limit:
            self._other._room.set()

    def _wake(self) -> None:
        self._news.set()
        self._schedule()

    def _schedule(self) -> None:
        # Never from inside the other end's write: on a socket the bytes come in a turn of the loop of their own, too.
        if self._sink is not None and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if self._sink is None or self._piped is None:
            return  # it ended since
        while self._waiting and not self._held:
            data = self._waiting.popleft()
            self._taken(len(data))
            if not self._sink(data):
                self._held = True
        if self._ended and not self._waiting and not self._piped.done():
            self._sink = None
            if isinstance(self._ended, Exception):
                self._piped.set_exception(self._ended)
            else:
                self._piped.set_result(None)


def pipes(limit: int = LIMIT) -> tuple[Pipe, Pipe]:
    """The two ends of a new connection."""
    first, second = Pipe(limit), Pipe(limit)
    first._other, second._other = second, first
    return first, second


class StreamChannel:
    """A real connection's streams as a Channel; ``early`` are bytes of it that were read before."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes = b"") -> None:
        self._reader = reader
        self._writer = writer
        self._early = early

    async def read(self) -> bytes:
        """What has come; ``b""`` at the end."""
        data, self._early = self._early, b""
        return data or await self._reader.read(LIMIT)

    def write(self, data: bytes) -> bool:
        """Send bytes; harmless after the end."""
        if not self._writer.transport.is_closing():
            self._writer.write(data)
        return self._writer.transport.get_write_buffer_size() < LIMIT

    async def drain(self) -> None:
        """Wait until more may be sent."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    def close(self) -> None:
        """Send what waits, then end."""
        self._writer.close()

    def abort(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()
