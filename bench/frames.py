"""WebSocket frames without compression or fragments: enough for a load generator and its upstream."""

from __future__ import annotations

import base64
import hashlib
import os
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_key(key: bytes) -> bytes:
    """The answer to a handshake's key."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def encode(payload: bytes, *, mask: bool = False, opcode: int = TEXT) -> bytes:
    """One whole message; clients mask."""
    size, bit = len(payload), 0x80 if mask else 0
    if size < 126:
        head = bytes((0x80 | opcode, bit | size))
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, bit | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, bit | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    whole = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")


class Decoder:
    """Cuts a connection's bytes into (opcode, payload)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages that are whole by now; raises ValueError for what this cannot read."""
        text = self._rest + data if self._rest else data
        found: list[tuple[int, bytes]] = []
        at, end = 0, len(text)
        while end - at >= 2:
            first, size = text[at], text[at + 1]
            masked, size, start = size & 0x80, size & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(text[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(text[at + 2 : at + 10], "big"), at + 10
            if masked:
                start += 4
            if end < start + size or end < start:
                break
            if first & 0x70 or not first & 0x80:
                raise ValueError("a compressed or fragmented message")
            payload = text[start : start + size]
            found.append((first & 0x0F, _masked(payload, text[start - 4 : start]) if masked else payload))
            at = start + size
        self._rest = text[at:]
        return found
