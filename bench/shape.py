"""What an answer of the scripted upstream looks like, written into the request's model name."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

NAME = re.compile(rb'"model": ?"bench_(\d+)_(\d+)_(\d+)_(\d+)_(\d+)"')
STAMP = re.compile(rb"@(\d{20})@")
"""The clock (``time.monotonic_ns``) at which an event was written."""
SUMS = re.compile(rb"#([0-9a-f]{8})#([0-9a-f]{8})#")
"""Two checksums at the end of an answer: of its bytes before, and of the request's body as it came to the upstream."""
_LONGEST_STAMP = 21


@dataclass(frozen=True, slots=True)
class Shape:
    """``events`` of ``size`` bytes, ``batch`` of them in one write, ``gap_ms`` between writes; 0 events: a JSON answer.

    ``cut`` breaks the connection off after that many events; 0 for a whole answer.
    """

    events: int = 0
    size: int = 190
    gap_ms: int = 0
    batch: int = 1
    cut: int = 0

    @property
    def model(self) -> str:
        """The name by which a request orders this answer; it passes through every proxy."""
        return f"bench_{self.events}_{self.size}_{self.gap_ms}_{self.batch}_{self.cut}"


def ordered(body: bytes | bytearray) -> Shape | None:
    """The answer that a request orders."""
    found = NAME.search(body)
    return Shape(*map(int, found.groups())) if found else None


class Delays:
    """How late each event of a stream is."""

    def __init__(self) -> None:
        self.us: list[int] = []
        self._tail = b""

    def feed(self, data: bytes, now_ns: int) -> None:
        """Bytes of the stream that came at ``now_ns``; pieces may begin and end anywhere."""
        text = self._tail + data if self._tail else data
        for stamp in STAMP.findall(text):
            self.us.append((now_ns - int(stamp)) // 1000)
        # A stamp may go on in the next piece.
        begun = text.rfind(b"@", max(0, len(text) - _LONGEST_STAMP))
        self._tail = text[begun:] if begun >= 0 else b""


def is_as_sent(before: bytes, last: bytes, asked: int | None = None) -> bool:
    """Whether an answer's bytes, up to the part with the checksums, are those that were sent.

    ``asked`` is the checksum of the request's body; None where the request is not judged.
    """
    found = SUMS.search(last)
    if found is None or int(found[1], 16) != zlib.crc32(before):
        return False
    return asked is None or int(found[2], 16) == asked
