"""What a server of ours lends an exchange beyond ASGI, and where in the scope it is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .transport import Duplex, Headers

EXTENSION = "codexplus.client"
"""The key in an HTTP scope's ``extensions`` under which a Client is found, on a server of ours."""
SOCKET = "codexplus.socket"
"""The key in a WebSocket scope's ``extensions`` under which an Upgrade is found, on a server of ours."""


class Leaving(Protocol):
    """Somebody who may leave at any time."""

    gone: bool
    on_gone: Callable[[], None] | None
    """Called once when the client leaves before its answer's end."""


class Client(Leaving, Protocol):
    """What an HTTP exchange can do beyond ASGI: the same things, without a message and a task for each."""

    known: dict[str, object]
    """What is known of the connection; it lasts as long as that."""
    on_resume: Callable[[], None] | None
    """Called when the client reads again after a ``write`` that returned False."""

    def whole_body(self) -> bytes | None:
        """The request's body if all of it is here by now; then nothing is left to ``receive``."""
        ...

    async def gather_body(self) -> bytes | None:
        """The same once all of it has come, however much that is; None where the client leaves before."""
        ...

    def start(self, status: int, headers: Headers) -> None:
        """Send the answer's head. Raises ValueError for a header that would break its line."""
        ...

    def write(self, data: bytes) -> bool:
        """Send a part of the answer's body; False where the client reads too slowly."""
        ...

    paused: bool
    """Whether the client reads too slowly, so that it must be waited for."""
    chunked: bool
    """Whether the answer's head, once started, promised chunks."""
    way: Callable[[bytes], None] | None
    """Sends whole chunks at once; None while that may not be done: before the head is out and after the end, where the
    head promised no chunks, and where the client reads too slowly or has gone."""

    def hold(self, data: bytes) -> None:
        """Send whole chunks as ``way`` does, but with what comes next, at the latest in the loop's next turn."""
        ...

    def write_chunks(self, data: bytes, closed: bool) -> bool:
        """Send chunks in somebody else's framing; ``closed`` where the last one is among them."""
        ...

    def end(self) -> None:
        """End the answer well."""
        ...


class Upgrade(Protocol):
    """A client that waits for our answer to its handshake; found in the scope's extensions under ``SOCKET``."""

    async def accept(self, headers: Headers, /) -> Duplex:
        """Agree with exactly these header lines; the connection's bytes are the caller's from now on."""
        ...
