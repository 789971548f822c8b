"""Orders on their way: a letter for the kind of supervisor that they need, and descriptors for all the rest."""

from __future__ import annotations

import array
import marshal
import os
import socket
from dataclasses import dataclass
from typing import Any

from .order import Order

OWN, PLAIN, ALONE, ALONE_WITH_NETWORK = b"o", b"p", b"a", b"n"
"""Kinds of supervisors: of a program that is not held at all, without namespaces, with all, with all but the network's.
"""

_FILES = 5


def kind_of(order: Order) -> bytes:
    """The kind of supervisor that an order needs."""
    if order["level"] == "full":
        return ALONE_WITH_NETWORK if order["network"] else ALONE
    return PLAIN if order["level"] == "lsm" or order["scratch"] else OWN


@dataclass(slots=True)
class Passed:
    """An order as it travels: the order in a file, the program's input, output and errors, the control socket.

    Without any files it asks for a supervisor of its kind, ahead of an order.
    """

    kind: bytes
    files: list[int]

    def order(self) -> Order:
        """Read the order; whoever else has it can do so as well."""
        return understood(self.content())

    def content(self) -> bytes:
        """The order as it was written."""
        return os.pread(self.files[0], os.fstat(self.files[0]).st_size, 0)

    def send(self, to: socket.socket) -> None:
        """Pass it on. Raises OSError."""
        files = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", self.files))] if self.files else []
        to.sendmsg([self.kind], files)

    def close(self) -> None:
        """Close what was received."""
        for each in self.files:
            os.close(each)


def written(order: Order) -> bytes:
    """The order as it travels; both ends are the same Python, and nobody but the proxy can write to the launcher."""
    plain: dict[str, Any] = {**order}
    return marshal.dumps(plain)


def understood(content: bytes) -> Order:
    """The order that was written so."""
    found: Order = marshal.loads(content)
    return found


def receive(source: socket.socket, *, or_none: bool = False) -> Passed | None:
    """The next order, None when the other end is closed; with ``or_none`` also one without any files."""
    size = socket.CMSG_SPACE(_FILES * array.array("i").itemsize)
    while True:
        try:
            kind, ancillary, _, _ = source.recvmsg(1, size, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return None
        if not kind:
            return None
        files = array.array("i")
        for _, what, data in ancillary:
            if what == socket.SCM_RIGHTS:
                files.frombytes(data)
        passed = Passed(kind, list(files))
        if len(files) == _FILES or (or_none and not files):
            return passed
        passed.close()
