"""A connection that was upgraded, as bytes both ways: the client's side of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

READ_AHEAD = 256 * 1024
"""Bytes that wait for a slow reader before the other side is held back."""


class TransportDuplex:
    """A Duplex over a transport; whoever owns the transport's protocol tells it what comes."""

    __slots__ = (
        "_ended",
        "_error",
        "_held",
        "_parts",
        "_piped",
        "_size",
        "_transport",
        "_waiter",
        "_write",
        "_writing",
    )

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._held = False
        self._waiter: asyncio.Future[None] | None = None
        self._write: Callable[[bytes], bool] | None = None
        self._piped: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    # -- what the protocol tells

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        if self._write is not None and not self._parts:
            if not self._write(data):
                self._hold()
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size >= READ_AHEAD:
            self._hold()
        _wake(self._waiter)

    def lost(self, error: Exception | None) -> None:
        """The connection is over."""
        if self._ended:
            return
        self._ended = True
        self._error = None if error is None else ConnectionResetError(f"the connection broke: {error}")
        _wake(self._waiter)
        _wake(self._writing)
        self._settle()

    def pause(self) -> None:
        """More waits to be sent than should."""
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_future()

    def go_on(self) -> None:
        """What waited has been sent."""
        waiting, self._writing = self._writing, None
        _wake(waiting)

    # -- Duplex

    async def read(self) -> bytes:
        """What has come since the last call; ``b""`` at the end. Raises ConnectionError where it broke."""
        while not self._parts:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = self._taken()
        self._release()
        return data

    def pipe(self, write: Callable[[bytes], bool]) -> asyncio.Future[None]:
        """Hand all bytes to ``write`` from now on; the future is done at the end."""
        self._piped = asyncio.get_running_loop().create_future()
        self._write = write
        self.resume()
        return self._piped

    def resume(self) -> None:
        """Let bytes come again."""
        if self._write is not None and self._parts and not self._write(self._taken()):
            self._hold()
            return
        self._release()
        self._settle()

    def write(self, data: bytes) -> bool:
        """Send bytes; False where too many wait by now."""
        if not self._ended and not self._transport.is_closing():
            self._transport.write(data)
        return self._writing is None

    async def drain(self) -> None:
        """Wait until more may be sent."""
        if self._writing is not None and not self._ended:
            await asyncio.shield(self._writing)

    def close(self) -> None:
        """Send what waits, then end the connection."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    # -- inside

    def _taken(self) -> bytes:
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return data

    def _hold(self) -> None:
        if not self._held and not self._ended:
            self._held = True
            self._transport.pause_reading()

    def _release(self) -> None:
        if self._held:
            self._held = False
            if not self._ended and not self._transport.is_closing():
                self._transport.resume_reading()

    def _settle(self) -> None:
        if not self._ended or self._parts or self._piped is None or self._piped.done():
            return
        # Two connections that write into each other would keep each other until the collector comes.
        self._write = None
        if self._error is None:
            self._piped.set_result(None)
        else:
            self._piped.set_exception(self._error)
            # Who piped may have left already.
            self._piped.exception()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
