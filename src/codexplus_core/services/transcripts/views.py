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

Mark = tuple[int, str, str]
"""Where a view stood: the number of its pieces, their digest, and the digest of all but the last."""


@dataclass(frozen=True, slots=True)
class News:
    """What a view has beyond the one before: the pieces, the number of the first new item, and where it stands now."""

    first: int
    pieces: Sequence[bytes]
    mark: Mark


class _Seen:
    __slots__ = ("counts", "hashes")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.hashes = array("q")
        self.counts = array("l")
        self.add(pieces)

    def add(self, pieces: Sequence[bytes]) -> None:
        self.hashes.extend(hash(piece) for piece in pieces)
        self.counts.extend(len(items_of(piece)) for piece in pieces)

    def keep(self, count: int) -> None:
        del self.hashes[count:]
        del self.counts[count:]


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
            (at for at, (piece, known) in enumerate(zip(pieces, seen.hashes, strict=False)) if hash(piece) != known),
            min(len(pieces), len(seen.hashes)),
        )
        seen.keep(same)
        first = sum(seen.counts)
        new = pieces[same:]
        seen.add(new)
        return News(first, new, _mark(pieces))

    def forget(self, thread: str) -> None:
        """Take nothing of a thread for written: the disk did not take it."""
        self._seen.pop(thread, None)


def items_of(piece: bytes) -> list[Any]:
    """The items in a piece; one that is no JSON counts as one text."""
    try:
        found = msgspec.json.decode(b"[%b]" % piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [piece.decode("utf-8", "replace")]
    return list(found)


def _known(pieces: Sequence[bytes], mark: Mark | None) -> int:
    if mark is None:
        return 0
    count, whole, before = mark
    if count <= len(pieces) and _digest(pieces[:count]) == whole:
        return count
    return count - 1 if 1 <= count <= len(pieces) + 1 and _digest(pieces[: count - 1]) == before else 0


def _digest(pieces: Sequence[bytes]) -> str:
    return _digests(pieces)[0]


def _digests(pieces: Sequence[bytes]) -> tuple[str, str]:
    digest = blake2b(digest_size=12)
    before = digest.hexdigest()
    for at, piece in enumerate(pieces):
        if at == len(pieces) - 1:
            before = digest.hexdigest()
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return digest.hexdigest(), before


def _mark(pieces: Sequence[bytes]) -> Mark:
    return len(pieces), *_digests(pieces)
