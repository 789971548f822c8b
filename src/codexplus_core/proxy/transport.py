"""What the relay asks of an upstream, whichever library or script is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Headers = list[tuple[bytes, bytes]]
"""Header lines in wire order; duplicates and the sender's case are kept."""
Write = Callable[[bytes], bool]
"""Takes bytes; False where too much waits by now."""
Framed = Callable[[bytes, bool], bool]
"""Takes chunks as they came; told whether the body's end is in them, False where too much waits by now."""


class Passing(Protocol):
    """Passes on events in which nobody looks.

    Each method gets bytes as they came, says whether it has passed them on, and must not raise. The bytes begin where
    an event does.
    """

    def chunk(self, data: bytes) -> bool:
        """Pass on one whole chunk in its framing, where that can be told without taking it apart."""
        ...

    def bare(self, data: bytes) -> bool:
        """Pass on bytes without framing, where that can be told without taking them apart."""
        ...

    def take(self, data: bytes, start: int, size: int) -> bool:
        """Pass on whatever ends with a blank line.

        With a ``start`` they are whole chunks, each of whose contents ends like that: the first content begins there,
        and ``size`` is that of all.
        """
        ...


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request as it goes up: an absolute ``url``, headers without hop-by-hop ones, the body's bytes or None."""

    method: str
    url: str
    headers: Headers
    body: bytes | memoryview | None = None


class Answer(Protocol):
    """An upstream's answer whose head has arrived."""

    status: int
    headers: Headers

    @property
    def over(self) -> bool:
        """Whether it is known by now that nothing comes after what was read, and that this is the clean end."""
        ...

    async def read(self) -> bytes:
        """The bytes that have come since the last call, at least one; ``b""`` at the clean end.

        Raises UpstreamCut when the stream broke off.
        """
        ...

    async def skim(self, passing: Passing) -> bytes:
        """As ``read``, but what ``passing`` takes has gone out by then and is not returned."""
        ...

    async def pipe(self, write: Write, framed: Framed | None = None, passing: Passing | None = None) -> None:
        """Hand all bytes to ``write`` as they come, instead of to ``read``; returns at the clean end.

        A body that comes in chunks may go to ``framed`` instead, chunks and all; its second argument says that the last
        chunk is among them. Where either returns False the upstream is held back until ``resume``. They must not raise.
        Without ``framed``, what ``passing`` takes of later pieces is not written. Raises UpstreamCut when the stream
        broke off.
        """
        ...

    def resume(self) -> None:
        """Let bytes come again, after a ``write`` that returned False."""
        ...

    def close(self) -> None:
        """Drop the answer; a transfer that still runs is aborted at once. May be called twice."""
        ...


class Duplex(Protocol):
    """The bytes of a connection that was upgraded, both ways; what they mean is the user's business."""

    async def read(self) -> bytes:
        """The bytes that have come since the last call, at least one; ``b""`` once the other side has ended.

        Raises ConnectionError where the connection broke. Not reading holds the other side back.
        """
        ...

    def pipe(self, write: Callable[[bytes], bool]) -> asyncio.Future[None]:
        """From now on hand all bytes to ``write`` as they come, instead of to ``read``.

        Where ``write`` returns False the other side is held back until ``resume``. The future is done once the other
        side has ended, with a ConnectionError where it broke. ``write`` must not raise.
        """
        ...

    def resume(self) -> None:
        """Let bytes come again, after a ``write`` that returned False."""
        ...

    def write(self, data: bytes) -> bool:
        """Send bytes; False where too many wait by now: then ``drain`` before sending more. Never raises."""
        ...

    async def drain(self) -> None:
        """Wait until more may be sent; returns too when the connection has ended."""
        ...

    def close(self) -> None:
        """Send what waits, then end the connection. May be called twice."""
        ...

    def abort(self) -> None:
        """End the connection at once, whatever waits; the other side sees a cut."""
        ...


@runtime_checkable
class Upgraded(Protocol):
    """An upstream that agreed to speak WebSocket: the head of its 101, and the connection."""

    headers: Headers
    socket: Duplex


class Upstream(Protocol):
    """Opens requests to the model backend."""

    async def open(self, request: UpstreamRequest) -> Answer:
        """Send a request and return when the answer's head is here.

        Raises UpstreamError when no head came. Cancelling the call aborts the transfer.
        """
        ...

    async def connect(self, request: UpstreamRequest) -> Upgraded | Answer:
        """Send a WebSocket handshake, whose headers (key, version, extensions) are the request's own, as they are.

        Returns the answer where the upstream refuses the upgrade. Raises UpstreamError when no head came.
        """
        ...

    async def aclose(self) -> None:
        """Abort what still runs and release every connection."""
        ...


class UpstreamError(Exception):
    """No answer came from upstream.

    ``kind`` is one of ``dns``, ``connect``, ``tls``, ``timeout``, ``protocol``; the message says which host, what
    happened and what to do.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class UpstreamCut(Exception):
    """The upstream's stream broke off after its head: the client must see a cut too, never a clean end."""
