"""A large body on its way from the socket straight to where it stays."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

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


class Filling(asyncio.BufferedProtocol):
    """Stands in for a connection while the rest of a body of ``size`` bytes comes that is wanted in one piece.

    Otherwise every byte would be copied twice more: out of the loop's own buffer, and from the parts into the whole.
    The memory is asked for at once, and the system gives it page by page as it is filled: a client that declares much
    and sends nothing costs nearly nothing. ``here`` are the parts that have come. ``arriving`` is told of each further
    one and gets the whole; the connection takes its bytes itself again by then.
    """

    def __init__(
        self, connection: Connection, arriving: Arriving, size: int, here: Iterable[bytes | memoryview]
    ) -> None:
        self._connection = connection
        self._arriving: Arriving | None = arriving
        self._whole: bytes = _bytes_of(None, size)
        self._room: memoryview = _view(_address(self._whole), size, _PyBUF_WRITE)
        self._behind: bytearray | None = None
        for part in here:
            self._room[: len(part)] = part
            self._room = self._room[len(part) :]

    def get_buffer(self, sizehint: int) -> memoryview | bytearray:
        """What is still to be filled."""
        if not self._room:
            # Windows' loop reads first and asks then, so that the next request's first bytes may come this way too.
            self._behind = bytearray(max(sizehint, 1))
            return self._behind
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self._behind is not None:
            self._connection.data_received(bytes(self._behind[:nbytes]))
        elif (arriving := self._arriving) is not None:
            self._room = self._room[nbytes:]
            arriving.left -= nbytes
            if not self._room:
                # The transport may remember this object until another takes its place: it must hold nothing.
                whole, self._whole = self._whole, b""
                self._arriving = None
                self._connection.filled()
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
