"""The shortest way for a WebSocket's messages in which nobody looks: from one peer's frames into the other's."""

from __future__ import annotations

from typing import Protocol

from ..protocol.sse import type_in
from .frame_edge import frame_end

# A text message in one frame, neither compressed nor masked.
_WHOLE_TEXT, _MASKED = 0x81, 0x80
_NONE = b"\0"


class Counting(Protocol):
    """Somebody who counts what goes out."""

    bytes_out: int


class Sink(Protocol):
    """The client's connection."""

    plain: bool
    """Whether messages go out as they are, without compression."""

    def write(self, payload: bytes) -> bool:
        """Send a message; False where the client reads too slowly."""
        ...

    def write_frames(self, data: bytes) -> bool:
        """Send messages in frames that a server may send, where they go out ``plain``."""
        ...

    async def drain(self) -> None:
        """Wait until more may be sent."""
        ...


class SocketSkim:
    """Passes on messages of which none is of the ``types``, to a client whose answer has begun.

    What it has not passed on is to be read by whoever looks for the types. Nothing here raises.
    """

    __slots__ = ("_client", "_down", "_types", "_usual", "plain", "ready")

    def __init__(self, down: Counting, client: Sink) -> None:
        self.plain = client.plain
        """Whether frames can be passed on as they are."""
        self.ready = True
        """False where the client reads too slowly: then ``drain`` before more comes."""
        self._down = down
        self._client = client
        self._types: frozenset[bytes] = frozenset()
        # Most messages of a stream are of one type, so what all of them begin with is looked for as a whole.
        self._usual = _NONE

    @property
    def count(self) -> int:
        """Bytes that have gone out so far, on whichever way."""
        return self._down.bytes_out

    def watch(self, types: frozenset[bytes]) -> None:
        """Look for these types from now on."""
        self._types = types
        self._usual = _NONE

    def frames(self, data: bytes) -> int:
        """Pass on the first frames of ``data`` as they are; how many bytes of it that were."""
        at, size, payloads = 0, len(data), 0
        while at < size:
            # Called for every message: no slice or call more than it takes.
            end = frame_end(data, at)
            if not at < end <= size or data[at] != _WHOLE_TEXT or data[at + 1] & _MASKED:
                break
            second = data[at + 1]
            start = at + (2 if second < 126 else 4 if second == 126 else 10)
            if not data.startswith(self._usual, start) and self._looked_for(data[start:end]):
                break
            payloads += end - start
            at = end
        if at:
            self._down.bytes_out += payloads
            self.ready = self._client.write_frames(data if at == size else data[:at])
        return at

    def message(self, payload: bytes) -> bool:
        """Pass on one message; whether that was done."""
        if not payload.startswith(self._usual) and self._looked_for(payload):
            return False
        self._down.bytes_out += len(payload)
        self.ready = self._client.write(payload)
        return True

    async def drain(self) -> None:
        """Wait until the client takes more."""
        await self._client.drain()
        self.ready = True

    def _looked_for(self, payload: bytes) -> bool:
        kind = type_in(payload)
        if kind in self._types:
            return True
        begins = b'{"type":"%b"' % kind
        if payload.startswith(begins):
            self._usual = begins
        return False
