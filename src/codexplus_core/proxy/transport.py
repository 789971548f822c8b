"""What the relay asks of an upstream, whichever library or script is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

Headers = list[tuple[bytes, bytes]]
"""Header lines in wire order; duplicates and the sender's case are kept."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request as it goes up: an absolute ``url``, headers without hop-by-hop ones, the body's bytes or None."""

    method: str
    url: str
    headers: Headers
    body: bytes | None = None


class Answer(Protocol):
    """An upstream's answer whose head has arrived."""

    status: int
    headers: Headers

    async def read(self) -> bytes:
        """The bytes that have come since the last call, at least one; ``b""`` at the clean end.

        Raises UpstreamCut when the stream broke off.
        """
        ...

    def close(self) -> None:
        """Drop the answer; a transfer that still runs is aborted at once. May be called twice."""
        ...


class Upstream(Protocol):
    """Opens requests to the model backend."""

    async def open(self, request: UpstreamRequest) -> Answer:
        """Send a request and return when the answer's head is here.

        Raises UpstreamError when no head came. Cancelling the call aborts the transfer.
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
