"""How much of each thread's view was written down already, so that an exchange holds only what is new."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

KEEP_THREADS = 1024
_LONG, _END = 1024, 256

Mark = tuple[int, str, str]
"""Where a view stood: the number of its pieces, their digest, and the digest of all but the last."""


@dataclass(frozen=True, slots=True)
class News:
    """What a view has beyond the one before: the pieces, the number of the first new item, and where it stands now."""

    first: int
    pieces: Sequence[bytes]
    mark: Mark


class _Seen:
    """A view: a hash and the number of items of each piece, and a digest that goes on where it ended."""

    __slots__ = ("_before", "_digest", "counts", "hashes")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.hashes = array("q")
        self.counts = array("l")
        self.extend(pieces, 0)

    def extend(self, pieces: Sequence[bytes], same: int) -> Sequence[bytes]:
        """Make it the view of these pieces, of which the first ``same`` are known; return the others."""
        begun = 0 < same == len(self.hashes)
        del self.hashes[same:]
        del self.counts[same:]
        new = pieces[same:]
        self.hashes.extend(map(_look, new))
        self.counts.extend(len(items_of(piece)) for piece in new)
        if not begun:
            self._digest, self._before = blake2b(digest_size=12), ""
        for piece in new if begun else pieces:
            self._before = self._digest.hexdigest()
            self._digest.update(b"%d:" % len(piece))
            self._digest.update(piece)
        return new

    @property
    def mark(self) -> Mark:
        return len(self.hashes), self._digest.hexdigest(), self._before


class Views:
    """The views as they were last written; ``marked`` finds where one stood when an earlier process wrote it."""

    def __init__(self, *, keep: int = KEEP_THREADS) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._keep = keep

    def news(self, thread: str, pieces: Sequence[bytes], marked: Callable[[], Mark | None]) -> News:
        """What is new in a view; it counts as written from now on."""
        seen = self._seen.get(thread)
        if seen is None:
            seen = self._seen[thread] = _Seen(pieces[: _known(pieces, marked() if pieces else None)])
            while len(self._seen) > self._keep:
                self._seen.popitem(last=False)
        self._seen.move_to_end(thread)
        # What was put behind the last item since (a hidden round) makes its piece a new one.
        same = next(
            (at for at, (piece, known) in enumerate(zip(pieces, seen.hashes, strict=False)) if _look(piece) != known),
            min(len(pieces), len(seen.hashes)),
        )
        first = sum(seen.counts[:same])
        return News(first, seen.extend(pieces, same), seen.mark)

    def forget(self, thread: str) -> None:
        """Take nothing of a thread for written: the disk did not take it."""
        self._seen.pop(thread, None)


def _look(piece: bytes) -> int:
    # All of a megabyte again for each request would cost more than the rest of a transcript. An item that became
    # another one has another id or text at an end, or another length.
    return hash(piece) if len(piece) <= _LONG else hash((len(piece), piece[:_END], piece[-_END:]))


def items_of(piece: bytes) -> list[Any]:
    """The items in a piece; one that is no JSON counts as one text."""
    try:
        found = msgspec.json.decode(b"[%b]" % piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [piece.decode("utf-8", "replace")]
    return list(found)


def _known(pieces: Sequence[bytes], mark: Mark | None) -> int:
    """How many of the pieces an earlier process wrote."""
    if mark is None:
        return 0
    count, whole, before = mark
    for known, digest in ((count, whole), (count - 1, before)):
        if 0 < known <= len(pieces) and _Seen(pieces[:known]).mark[1] == digest:
            return known
    return 0
