"""Where one server-sent event ends and the next begins, however the network cut the bytes."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter

import msgspec

from .events import BOM, Event, fields

LIMIT = 64 << 20
"""Bytes that one event may take; the largest seen in practice (an inline image) stays far below."""

# A blank line ends an event. The groups are atomic: CR LF must never be read as two line ends.
_BLANK = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
# The API's own framing; used where it covers a chunk without a gap, all else is read line by line.
_PLAIN = re.compile(rb"(event: (.+)\ndata: .*\n\n)")
_FIRST = itemgetter(0)
ESCAPED = b"\\u00"
"""How a letter of a type may be written in JSON, for which nobody can look then but who reads it."""
_FEW = 2048
"""Bytes up to which it takes longer to look for every name than to split them."""
_LONG_NAME = 100
_TYPE_FIRST = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"type"[ \t\n\r]*:[ \t\n\r]*"([^"\\]*)"')


class EventTooLarge(Exception):
    """An event grew over the limit, so the stream can no longer be followed."""


class _Typed(msgspec.Struct):
    type: str = ""


_typed = msgspec.json.Decoder(_Typed)


class Decoder:
    """Splits a stream into events as its bytes arrive; every byte comes out again in exactly one event's ``raw``.

    ``types`` are the event types somebody wants to see, None for all. Everything between two wanted events comes as one
    event of type ``""`` whose ``raw`` is the whole run and whose payload is empty. Comments and blank lines are such
    runs too, or lead the event that follows them. The type is that of the ``event:`` line, else that in the JSON.
    """

    __slots__ = ("_begun", "_edge", "_held", "_limit", "_parts", "_types")

    def __init__(self, types: frozenset[bytes] | None = None, *, limit: int = LIMIT) -> None:
        self._types = types
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0
        self._edge = b""
        self._begun = False

    @property
    def idle(self) -> bool:
        """Whether no event is under way."""
        return not self._parts

    def begin(self) -> None:
        """The stream has begun without this decoder: no more byte order mark is to come."""
        self._begun = True

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Look for other types from the next ``feed`` on."""
        self._types = types

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that ``chunk`` completes. Raises EventTooLarge when one goes on over the limit."""
        if not chunk:
            return []
        parts = self._parts
        if parts:
            self._check()
            # Joined only once a blank line is in sight: a large event in small chunks must not be copied for each.
            if not _BLANK.search(self._edge + chunk):
                self._hold(chunk)
                self._check()
                return []
            parts.append(chunk)
            chunk = b"".join(parts)
            parts.clear()
            self._held = 0
        events, end = self._split(chunk)
        if end < len(chunk):
            self._hold(chunk[end:])
            if not events:
                self._check()
        return events

    def close(self) -> list[Event]:
        """What is left at the end of the stream: an event whose blank line never came, or nothing."""
        block = b"".join(self._parts)
        self._parts.clear()
        self._held = 0
        if not block:
            return []
        name, payload = self._read(block)
        if self._types is not None and name not in self._types:
            return [Event("", raw=block, payload=b"")]
        return [Event(_name(name), raw=block, payload=payload)]

    def _hold(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._held += len(piece)
        self._edge = piece[-1:]  # a blank line that began before the next piece began here

    def _check(self) -> None:
        if self._held > self._limit:
            raise EventTooLarge(
                f"event stream: one event is over {self._limit} bytes, expected a blank line before that"
            )

    def _split(self, data: bytes) -> tuple[list[Event], int]:
        types = self._types
        # `find`, here and below: `in` first makes an exception of every needle that is no number.
        if data.find(b"\r") >= 0:
            return self._split_exactly(data)
        end = data.rfind(b"\n\n") + 2
        if end == 1:
            return [], 0
        if end > _FEW and self._holds_none(data):
            return self._run(data, end)
        found = _PLAIN.findall(data)
        if sum(map(len, map(_FIRST, found))) != end:
            return self._run(data, end) if self._holds_none(data) else self._split_exactly(data)
        self._begun = True
        new = Event.__new__
        events: list[Event] = []
        run = pos = 0
        for raw, name in found:
            if types is not None and name not in types:
                pos += len(raw)
                continue
            if run < pos:
                events.append(Event("", raw=data[run:pos], payload=b""))
            # Made without __init__, which costs as much as all the rest of this loop.
            event = new(Event)
            event.type = _name(name)
            event.raw = raw
            event._data = event._payload = None
            events.append(event)
            pos += len(raw)
            run = pos
        if run < pos:
            events.append(Event("", raw=data[run:pos], payload=b""))
        return events, end

    def _holds_none(self, data: bytes) -> bool:
        """Whether no event in here is of a type that is asked for: then nothing needs splitting."""
        # A type is spelled out in its event.
        if self._types is None or data.find(ESCAPED) >= 0:
            return False
        return all(data.find(name) < 0 for name in self._types)

    def _run(self, data: bytes, end: int) -> tuple[list[Event], int]:
        self._begun = True
        return [Event("", raw=data[:end], payload=b"")], end

    def _split_exactly(self, data: bytes) -> tuple[list[Event], int]:
        types = self._types
        events: list[Event] = []
        run = pos = 0
        while blank := _BLANK.search(data, pos):
            end = blank.end()
            name, payload = self._read(data[pos:end])
            self._begun = True
            if types is None or name in types:
                if run < pos:
                    events.append(Event("", raw=data[run:pos], payload=b""))
                events.append(Event(_name(name), raw=data[pos:end], payload=payload))
                run = end
            pos = end
        if run < pos:
            events.append(Event("", raw=data[run:pos], payload=b""))
        return events, pos

    def _read(self, block: bytes) -> tuple[bytes, bytes]:
        name, payload = fields(block if self._begun else block.removeprefix(BOM))
        if payload is None:
            return b"", b""
        return name or type_in(payload), payload


def _name(name: bytes) -> str:
    return _familiar(name) if len(name) < _LONG_NAME else name.decode("utf-8", "replace")


@lru_cache(maxsize=256)
def _familiar(name: bytes) -> str:
    # The API has some dozens of types, but whoever answers chooses the names.
    return name.decode("utf-8", "replace")


def type_in(payload: bytes) -> bytes:
    """The type of an event's JSON, ``b""`` where it has none."""
    if match := _TYPE_FIRST.match(payload):
        return match[1]
    try:
        return _typed.decode(payload).type.encode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return b""
