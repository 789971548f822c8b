"""What is kept of a program's output: the first bytes, whole characters, and how much was thrown away."""

from __future__ import annotations

OUTPUT_LIMIT = 64 * 1024
"""Bytes kept of each output unless asked otherwise."""


class Kept:
    """The first ``limit`` bytes of a stream; the rest is only counted."""

    __slots__ = ("_bytes", "dropped", "limit")

    def __init__(self, limit: int = OUTPUT_LIMIT) -> None:
        self.limit = limit
        self.dropped = 0
        self._bytes = bytearray()

    def add(self, data: bytes) -> None:
        """Keep what there is room for."""
        room = max(self.limit - len(self._bytes), 0)
        self._bytes += data[:room]
        self.dropped += max(len(data) - room, 0)

    def value(self) -> bytes:
        """What was kept; where it was cut, a character that the cut went through is gone as a whole."""
        return whole_characters(self._bytes) if self.dropped else bytes(self._bytes)


def whole_characters(data: bytes | bytearray) -> bytes:
    """``data`` without an unfinished UTF-8 character at its end; what is no UTF-8 stays as it is."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return bytes(data[:-back]) if back < length else bytes(data)
    return bytes(data)
