"""Orders on their way: a letter for the kind of supervisor that they need, and descriptors for all the rest."""

from __future__ import annotations

import array
import json
import os
import socket
from dataclasses import dataclass

from .order import Order

PLAIN, ALONE, ALONE_WITH_NETWORK = b"p", b"a", b"n"
"""Kinds of supervisors: without namespaces, with all of them, with all but the network's."""

_FILES = 5


def kind_of(order: Order) -> bytes:
    """The kind of supervisor that an order needs."""
    if order["level"] != "full":
        return PLAIN
    return ALONE_WITH_NETWORK if order["network"] else ALONE


@dataclass(slots=True)
class Passed:
    """An order as it travels: the order in a file, the program's input, output and errors, the control socket."""

    kind: bytes
    files: list[int]

    def order(self) -> Order:
        """Read the order; whoever else has it can do so as well."""
        size = os.fstat(self.files[0]).st_size
        found: Order = json.loads(os.pread(self.files[0], size, 0))
        return found

    def send(self, to: socket.socket) -> None:
        """Pass it on. Raises OSError."""
        to.sendmsg([self.kind], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", self.files))])

    def close(self) -> None:
        """Close what was received."""
        for each in self.files:
            os.close(each)


def receive(source: socket.socket) -> Passed | None:
    """The next order, None when the other end is closed."""
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
        if len(files) == _FILES:
            return passed
        passed.close()
