"""How much of each thread's view was written down already, so that an exchange holds only what is new."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from ...protocol.pieces import Pieces

KEEP_THREADS = 1024
KEEP_UNNAMED = 8
"""Views of clients that name no thread."""
UNNAMED_PIECES = 100_000
"""Pieces of such a view from which it is not kept."""

Mark = tuple[int, str, str]
"""Where a view stood: the number of its pieces, their digest, and the digest of all but the last."""


@dataclass(frozen=True, slots=True)
class News:
    """What a view has beyond the one before: the items, the number of the first of them, and where it stands now.

    ``on`` is the digest in the mark of the one before, where no thread tells which that is; ``""`` where there is none.
    """

    first: int
    items: Sequence[Any]
    mark: Mark
    on: str = ""


class _Seen:
    """A view: a hash of each piece, with how many items it ends, and a digest that goes on where it ended."""

    __slots__ = ("_before", "_digest", "_ends", "_hashes", "_mark", "_origin")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._hashes = array("q")
        self._ends = array("l")
        self._origin: object | None = None
        self._digest = self._before = _digest()
        self._mark: Mark | None = None
        self.extend(pieces)

    def __len__(self) -> int:
        return len(self._hashes)

    def extend(self, pieces: Sequence[bytes]) -> tuple[int, list[Any]]:
        """Make it the view of these pieces; return the number of the first new item, and the new items."""
        same = self.shared(pieces)
        self._add(pieces, same)
        del self._hashes[same:], self._ends[same:]
        self._hashes.extend(map(hash, pieces[same:]))
        self._origin = _origin(pieces)
        first = end = self._ends[-1] if same else 0
        items: list[Any] = []
        for piece in pieces[same:]:
            found = items_of(piece)
            end += len(found)
            self._ends.append(end)
            items += found
        return first, items

    def goes_on(self, pieces: Sequence[bytes]) -> bool:
        """True where these begin with all of the view, but for what may have been put behind its last item."""
        return self.shared(pieces) >= max(1, len(self._hashes) - 1)

    def shared(self, pieces: Sequence[bytes]) -> int:
        """With how many of the same pieces both views begin."""
        count = len(self._hashes)
        # A thousand turns are thousands of pieces, and most often it is known that they are the same.
        if len(pieces) >= count and self._origin is not None and self._origin is _origin(pieces):
            return count
        if len(pieces) >= count and array("q", map(hash, pieces[:count])) == self._hashes:
            return count
        apart = (
            at for at, (piece, known) in enumerate(zip(pieces, self._hashes, strict=False)) if hash(piece) != known
        )
        return next(apart, min(len(pieces), count))

    def _add(self, pieces: Sequence[bytes], same: int) -> None:
        begun = same
        if same == len(self._hashes) - 1 and len(pieces) > same:
            self._digest = self._before
        elif same < len(self._hashes):
            self._digest, begun = _digest(), 0
        if begun < len(pieces) or len(pieces) < len(self._hashes):
            self._mark = None
        for piece in pieces[begun:]:
            self._before = self._digest.copy()
            _feed(self._digest, piece)

    @property
    def mark(self) -> Mark:
        """Where it stands."""
        if self._mark is None:
            self._mark = len(self._hashes), self._digest.hexdigest(), self._before.hexdigest()
        return self._mark


class Views:
    """The views as they were last written; ``marked`` finds where one stood when an earlier process wrote it."""

    def __init__(self, *, keep: int = KEEP_THREADS) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._unnamed: list[_Seen] = []
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
        first, items = seen.extend(pieces)
        return News(first, items, seen.mark)

    def unnamed(self, pieces: Sequence[bytes]) -> News:
        """What is new where no thread is named: beyond the longest of the newest views that this one goes on from."""
        fitting = (seen for seen in self._unnamed if seen.goes_on(pieces))
        known = max(fitting, key=len, default=None)
        seen = _Seen([]) if known is None else known
        on = "" if known is None else known.mark[1]
        first, items = seen.extend(pieces)
        others = [each for each in self._unnamed if each is not seen]
        self._unnamed = [seen, *others][:KEEP_UNNAMED] if len(pieces) <= UNNAMED_PIECES else others
        return News(first, items, seen.mark, on)

    def forget(self, thread: str) -> None:
        """Take nothing of a thread for written: the disk did not take it."""
        self._seen.pop(thread, None)
        if not thread:
            self._unnamed.clear()


def items_of(piece: bytes) -> list[Any]:
    """The items in a piece; one that is no JSON counts as one text."""
    try:
        found = msgspec.json.decode(b"[%b]" % piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [piece.decode("utf-8", "replace")]
    return list(found)


def _origin(pieces: Sequence[bytes]) -> object | None:
    return pieces.origin if isinstance(pieces, Pieces) else None


def _known(pieces: Sequence[bytes], mark: Mark | None) -> int:
    """How many of the pieces an earlier process wrote."""
    if mark is None:
        return 0
    count, whole, before = mark
    known, digest = 0, _digest()
    for at, piece in enumerate(pieces[: max(0, count)], start=1):
        _feed(digest, piece)
        if (at == count and digest.hexdigest() == whole) or (at == count - 1 and digest.hexdigest() == before):
            known = at
    return known


def _digest() -> blake2b:
    return blake2b(digest_size=12)


def _feed(digest: blake2b, piece: bytes) -> None:
    digest.update(b"%d:" % len(piece))
    digest.update(piece)
