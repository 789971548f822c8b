"""The half of an exchange that comes in: the request's body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connection import Connection

LARGE = 64 * 1024
"""Bytes still to come from which a body goes straight into one piece where it is wanted in one."""
_READ_AHEAD = 256 * 1024


class Arriving:
    """A request's body as its connection hands it over, and as it is asked for: in parts, or whole."""

    __slots__ = ("_connection", "_fills", "_gathers", "_given", "_parts", "_size", "_waiter", "gone", "left")

    def __init__(self, connection: Connection, length: int) -> None:
        self._connection = connection
        self.left = length
        """Bytes of the request's body that have not come yet."""
        self.gone = False
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._gathers = self._fills = False
        self._given = False
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes | memoryview) -> bytes:
        """Bytes have come; returns those that are not this request's."""
        surplus = b""
        if len(data) > self.left:
            data, surplus = data[: self.left], bytes(data[self.left :])
        if data:
            self.left -= len(data)
            self._parts.append(data)
            self._size += len(data)
            if not self._gathers:
                if self._size >= _READ_AHEAD and self.left:
                    self._connection.hold()
                self._wake()
            elif not self.left:
                self._wake()
        return surplus

    def filled(self, whole: bytes) -> None:
        """All of it has come, in one piece."""
        self._parts.append(whole)
        self._wake()

    def fill(self) -> None:
        """Have the rest come in one piece with what is here."""
        self._fills = True
        self._connection.fill(self, self._size + self.left, self._parts)
        self._parts.clear()

    def whole_body(self) -> bytes | None:
        """The whole body if it is here."""
        if self.left or self._given:
            return None
        self._given = True
        return self._taken()

    async def gather_body(self) -> bytes | None:
        """The whole body once it is here, None where the client leaves before; nobody is waked for each part."""
        self._gathers = True
        if self.left >= LARGE and not self._fills and not self.gone:
            self.fill()
        self._connection.release()
        while self.left and not self.gone:
            await self._wait()
        return self.whole_body()

    async def _part(self) -> bytes | None:
        """What has come since the last call; None once all was handed out, or the client has gone."""
        self._gathers = False
        while not self._given and not self._parts and self.left and not self.gone:
            await self._wait()
        if self._given or (self.left and not self._parts):
            return None
        self._given = not self.left
        part = self._taken()
        if self.left:
            self._connection.release()
        return part

    def _taken(self) -> bytes:
        parts = self._parts
        body = bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._size = 0
        return body

    async def _wait(self) -> None:
        if self._waiter is None or self._waiter.done():
            self._waiter = self._connection.loop.create_future()
        await asyncio.shield(self._waiter)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
