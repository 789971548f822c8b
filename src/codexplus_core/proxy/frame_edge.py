"""Where a WebSocket's frames end in a stream of bytes (RFC 6455, section 5.2), and the one that ends it all."""

from __future__ import annotations

_CLOSE = 0x88
_MASKED = 0x80
_LENGTH = 0x7F


def frame_end(data: bytes, at: int) -> int:
    """Where the frame that begins at ``at`` ends, behind these bytes it may be; 0 where too little of its head is here.

    >>> frame_end(bytes([0x81, 2]) + b"hi", 0)
    4
    """
    if len(data) < at + 2:
        return 0
    second = data[at + 1]
    length = second & _LENGTH
    start = at + (6 if second & _MASKED else 2)
    if length < 126:
        return start + length
    size = 2 if length == 126 else 8
    if len(data) < at + 2 + size:
        return 0
    return start + size + int.from_bytes(data[at + 2 : at + 2 + size])


def close_frame(code: int, reason: str) -> bytes:
    """The frame by which a server ends a connection; ``reason`` has at most 123 bytes."""
    payload = code.to_bytes(2) + reason.encode()
    return bytes((_CLOSE, len(payload))) + payload


class FrameEdge:
    """Follows one way of a connection from its first byte on, and knows whether it stands between two frames."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    @property
    def between(self) -> bool:
        """Whether the last frame has ended and the next one has not begun."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> None:
        """These bytes have gone by."""
        size = len(data)
        at = self._left
        if not at and size > 3 and not self._head:
            # One frame and no more, as nearly always; a tunnel asks this for every message.
            second = data[1]
            if second == 126:
                if data[2] << 8 | data[3] == size - 4:
                    return
            elif second < 126 and second == size - 2:
                return
        if at >= size:
            self._left = at - size
            return
        if self._head:
            data = self._head + data
            size, at, self._head = len(data), 0, b""
        while at < size:
            end = frame_end(data, at)
            if not end:
                self._left, self._head = 0, data[at:]
                return
            at = end
        self._left = at - size
