"""Ports that a test holds from its beginning to its end, so that nobody else is given one meanwhile."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is the test's own, whether or not a program listens there.

    Its socket is bound and never listens: connections are refused. Linux gives the port to nobody who asks for any
    port, and lets who names it listen there, with SO_REUSEADDR as servers have it; they may go and come back.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
        if sys.platform != "linux":
            held.close()  # others would not let a server listen there
        yield port
