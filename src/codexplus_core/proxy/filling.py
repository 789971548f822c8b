"""Large bodies on their way from the socket straight to where they stay."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .arriving import Arriving
    from .connection import Connection

_PyBUF_WRITE = 0x200
# Bytes without a content are to be written by whoever made them, before anybody else sees them; so says the
# Python/C API of the first two.
_bytes_of: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_char_p, ctypes.c_ssize_t)(
    ("PyBytes_FromStringAndSize", ctypes.pythonapi)
)
_address: Any = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(("PyBytes_AsString", ctypes.pythonapi))
_view: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)


_BEGINNING = 32 * 1024
"""Bytes of a request that are read before anybody knows how large it is."""


class Filling(asyncio.BufferedProtocol):
    """Takes a connection's bytes from its first large body on that is wanted in one piece.

    Otherwise every byte of such a body would be copied twice more: out of the loop's own buffer, and from the parts
    into the whole. The memory is asked for at once, and the system gives it page by page as it is filled: a client that
    declares much and sends nothing costs nearly nothing. All other bytes go to the connection, as they would without
    this; it stays, because what follows a large body is most often another.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._arriving: Arriving | None = None
        self._whole = b""
        self._room = self._beginning = memoryview(bytearray(_BEGINNING))
        self._left = False

    def fill(self, arriving: Arriving, size: int, here: Iterable[bytes | memoryview]) -> None:
        """Gather a body of ``size`` bytes, of which ``here`` are the parts that have come.

        ``arriving`` is told of each further one and gets the whole.
        """
        self._whole = _bytes_of(None, size)
        room = _view(_address(self._whole), size, _PyBUF_WRITE)
        for part in here:
            room[: len(part)] = part
            room = room[len(part) :]
        self._arriving, self._room = arriving, room

    def leave(self) -> None:
        """Hold nothing any more; what still comes is for who takes this one's place.

        The transport may remember this object for as long as it lives. And Windows' loop hands what it has read at once
        to the one that it began with, piece by piece as there is room, whoever takes its place meanwhile.
        """
        self._empty()
        self._left = True

    def _empty(self) -> None:
        self._whole = b""
        self._arriving = None
        self._room = self._beginning

    def get_buffer(self, sizehint: int) -> memoryview:
        """What is still to be filled, or room for the next request's beginning."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        arriving = self._arriving
        if arriving is None:
            data = bytes(self._room[:nbytes])
            taker = self._connection.transport.get_protocol() if self._left else self._connection
            cast(asyncio.Protocol, taker).data_received(data)
            return
        self._room = self._room[nbytes:]
        arriving.left -= nbytes
        if not self._room:
            whole = self._whole
            self._empty()
            arriving.filled(whole)

    def eof_received(self) -> bool:
        """The client sends no more."""
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The client has read what waited."""
        self._connection.resume_writing()
