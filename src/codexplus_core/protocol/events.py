"""One server-sent event of a Responses stream, with its own bytes kept for as long as nobody changes it."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode

BOM = b"\xef\xbb\xbf"
_DATA = b"\ndata: "


class Event:
    """One event of the model's stream, as a plugin sees it.

    ``type`` is the wire's name (``"response.output_text.delta"``; ``""`` where the stream names none), ``data`` the
    parsed JSON (parsed on first use; a dict, or None where the payload is no JSON object) and ``raw`` the bytes
    as they came, framing included. Treat ``data`` as read-only and make a changed event with ``replace``.
    """

    __slots__ = ("_data", "_payload", "raw", "type")

    def __init__(
        self, type: str, data: dict[str, Any] | None = None, *, raw: bytes | None = None, payload: bytes | None = None
    ) -> None:
        """Make an event of ``type`` holding ``data``; ``raw`` and ``payload`` are for those who have the bytes."""
        self.type = type
        if raw is None:
            data = {"type": type, **(data or {})}
            data["type"] = type  # what Codex reads is the JSON's, so the two must never differ
            payload = _encode(data)
            raw = frame(type, payload)
        self._data = data
        self.raw = raw
        self._payload = payload

    @property
    def payload(self) -> bytes:
        """The JSON bytes without framing: what a WebSocket message holds; ``b""`` where the event has no data."""
        if self._payload is None:
            self._payload = _plain_payload(self.raw) or fields(self.raw)[1] or b""
        return self._payload

    @property
    def data(self) -> dict[str, Any] | None:
        """The parsed JSON object, or None where the payload is something else."""
        if self._data is None and (payload := self.payload):
            try:
                parsed = _decode(payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                parsed = None
            self._data = parsed if isinstance(parsed, dict) else None
        return self._data

    def replace(self, data: dict[str, Any]) -> Event:
        """A new event of the same type with other data."""
        return Event(str(data.get("type") or self.type), data)

    def __repr__(self) -> str:
        return f"Event({self.type!r}, {len(self.raw)} bytes)"


def frame(type: str, payload: bytes) -> bytes:
    """An event as server-sent-event bytes, in the framing that the Responses API itself uses."""
    return b"event: %s\ndata: %s\n\n" % (type.encode(), payload)


def _plain_payload(raw: bytes) -> bytes:
    """The payload of an event in the API's own framing, ``b""`` where it may have another."""
    at = raw.find(_DATA)
    plain = at > 0 and raw.startswith(b"event: ") and raw.endswith(b"\n\n") and raw.count(b"\n") == 3
    return raw[at + len(_DATA) : -2] if plain and raw.find(b"\r") < 0 else b""


def fields(block: bytes) -> tuple[bytes, bytes | None]:
    """The ``event`` name and the joined ``data`` lines of one block of lines; None where it has no data line."""
    name = b""
    lines: list[bytes] = []
    for line in block.splitlines():  # on bytes: exactly CRLF, LF and CR, which are the lines of an event stream
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            lines.append(value)
        elif key == b"event":
            name = value
    return name, b"\n".join(lines) if lines else None
