"""The shortest way for events in which nobody looks: from the upstream's callback to the client's socket."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

from ..protocol.sse import ESCAPED
from .chunks import size_line
from .client import Client

# One event as the API frames it; all else is taken apart with care by the decoder.
_ONE = re.compile(rb"event: (.+)\ndata: .*\n\n")
_NONE = b"\0"
_CR, _LF = 13, 10
_ENDED = b"\n\n\r\n"
"""What a chunk ends with that ends with an event."""
_MOST_SIZES = 1000
"""Lengths of chunks of which it is remembered how they begin."""
_LONG_NAME = 100
USUAL = b"response.output_text.delta"
"""What most answers are made of: taken for the usual type until another one comes."""


@lru_cache(maxsize=8)
def _beginnings(usual: bytes) -> dict[int, bytes]:
    """By a chunk's length, how it begins where it holds an event that begins with ``usual``; for all answers."""
    return {}


class Counting(Protocol):
    """Somebody who counts what goes out, and notes when it begins."""

    bytes_out: int
    first_byte_at: float | None

    def count(self, size: int) -> None:
        """Note that bytes go out."""
        ...


class Skim:
    """Passes on events of which none is of the ``types``, to a client whose head is out.

    Every method says whether it has passed on what it got; what it has not is to be read by whoever looks for the
    types. What it gets begins and ends with an event. None of them raises.
    """

    __slots__ = ("_begins", "_client", "_down", "_length", "_types", "_usual")

    def __init__(self, down: Counting, client: Client) -> None:
        self._down = down
        self._client = client
        self._types: frozenset[bytes] | None = None
        # Most events of a stream are of one type, so what all of them begin with is looked for as a whole.
        self._usual = _NONE
        self._length = 0
        self._begins = _beginnings(_NONE)

    @property
    def count(self) -> int:
        """Bytes that have gone out so far, on whichever way."""
        return self._down.bytes_out

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Look for these types from now on; None for all."""
        self._types = types
        # The first bytes of an answer are for `take`, which has the time of them noted.
        closed = types is None or USUAL in types or self._down.first_byte_at is None
        self._expect(_NONE if closed else _begin(USUAL))

    def expect(self, name: bytes) -> None:
        """Take events of this type, which nobody looks for, for the usual ones; ``b""``: let none go by."""
        usual = _begin(name) if 0 < len(name) < _LONG_NAME else _NONE
        if usual != self._usual:
            self._expect(usual)

    def chunk(self, data: bytes) -> bool:
        """Pass on chunks in their framing if each holds one more event of the usual type and nothing else."""
        # Called for every event: no frame, object or look-up more than it takes.
        write = self._client.way
        size = len(data)
        begins = self._begins.get(size)
        if write is None or begins is None or not data.startswith(begins):
            return self._chunks(data)
        at = len(begins)
        # The line break behind this is the event's end, so that none of any kind may come before it. (`in` with a
        # number is several times as quick as any search for bytes.)
        content = data[at:-4]
        if _LF in content or _CR in content or not data.endswith(_ENDED):
            return False
        self._down.bytes_out += size - at + self._length - 2
        write(data)
        return True

    def _chunks(self, data: bytes) -> bool:
        """The same for several chunks, and for one of a length that was not met before."""
        write = self._client.way
        if write is None or self._usual is _NONE:
            return False
        # Each part is a chunk if it is as long as it says, and then this is what it ends with.
        parts = data.split(_ENDED)
        if parts.pop() or not parts:
            return False
        out = len(parts) * (self._length + 2)
        for part in parts:
            size = len(part) + 4
            begins = self._begins.get(size) or self._learn(size)
            if not part.startswith(begins):
                return False
            content = part[len(begins) :]
            if _LF in content or _CR in content:
                return False
            out += len(content)
        self._down.bytes_out += out
        write(data)
        return True

    def _learn(self, size: int) -> bytes:
        """How a chunk of the usual type and of this length begins."""
        if len(self._begins) >= _MOST_SIZES:
            self._begins.clear()
        self._begins[size] = begins = size_line(size) + self._usual
        return begins

    def bare(self, data: bytes) -> bool:
        """The same for an event without framing, as HTTP/2 brings it."""
        write = self._client.way
        size = len(data)
        if write is None or self._usual is _NONE or not data.startswith(self._usual):
            return False
        if data.find(b"\n", self._length) != size - 2 or not data.endswith(b"\n\n") or data.find(b"\r") >= 0:
            return False
        self._down.bytes_out += size
        write(b"%x\r\n%b\r\n" % (size, data))
        return True

    def take(self, data: bytes, start: int, size: int) -> bool:
        """Pass on any events, ``size`` bytes of them.

        With a ``start`` they are whole chunks in their framing, each of which ends with an event; the first event
        begins there.
        """
        types, write = self._types, self._client.way
        if types is None or write is None:
            return False
        first = _ONE.match(data, start)
        if first is not None and data.find(b"\r", start, first.end()) >= 0:
            first = None
        if first is not None and first.end() == start + size:
            if first[1] in types:
                return False
        else:
            # A type is spelled out in its event, if need be in numbers, and no event goes beyond its chunk here.
            for name in (ESCAPED, *types):
                if data.find(name) >= 0:
                    return False
        if first is not None and len(first[1]) < _LONG_NAME:
            self.expect(first[1])
        self._down.count(size)
        write(data if start else b"%x\r\n%b\r\n" % (size, data))
        return True

    def _expect(self, usual: bytes) -> None:
        self._usual, self._length, self._begins = usual, len(usual), _beginnings(usual)


def _begin(name: bytes) -> bytes:
    return b"event: %b\ndata: " % name
