"""Long runs of items as bytes: lists that only grow, and their beginnings, which are no copies.

A thread of a thousand turns has some thousands of items, and each of its requests has all of them: neither a step nor a
look for each of these fits into a request.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import overload


class Growing:
    """Pieces of JSON, one or more items each, and the same joined by commas as far as somebody asked for that."""

    __slots__ = ("_ends", "_front", "_pieces", "_text", "origin")

    def __init__(self, pieces: Iterable[bytes] = ()) -> None:
        self._pieces = list(pieces)
        self._text = bytearray()
        self._front = b""
        self._ends = array("q")
        self.origin = object()
        """Whoever has pieces of the same origin has the same ones, or the first of them."""

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, index: int) -> bytes:
        return self._pieces[index]

    @property
    def size(self) -> int:
        """Bytes that the joined pieces take."""
        return len(self._text)

    def add(self, piece: bytes) -> None:
        """Put one behind the others."""
        self._pieces.append(piece)

    def cut(self, count: int) -> None:
        """Keep the first ``count``. Who has got more of them keeps what they were."""
        if count >= len(self._pieces):
            return
        self._pieces = self._pieces[:count]
        self.origin = object()
        del self._ends[count:]

    def first(self, count: int) -> Pieces:
        """The first ``count``, as they are now."""
        return Pieces(self._pieces, min(count, len(self._pieces)), self)

    def text(self, count: int) -> bytes:
        """The first ``count``, joined."""
        text = self._written(self._front, count)
        return bytes(memoryview(text)[len(self._front) : self._end(count)])

    def between(self, before: bytes, count: int, behind: bytes) -> bytes | memoryview:
        """The same with ``before`` and ``behind``, of which the latter is not empty.

        Nobody writes into what this returns, and as long as it is kept the next one is a copy: a megabyte is written
        once, and then only what is new. What is kept can be told by what stands behind the pieces.
        """
        assert behind
        text = self._written(before, count)
        if count < len(self._ends):
            return b"".join((memoryview(text)[: self._end(count)], behind))
        text += behind
        return memoryview(text)

    def _end(self, count: int) -> int:
        return len(self._front) + (self._ends[count - 1] if count else 0)

    def _written(self, before: bytes, count: int) -> bytearray:
        """The text of no fewer than ``count``, and nothing behind it."""
        text, ends, end = self._text, self._ends, self._end(len(self._ends))
        if len(text) > end:
            try:
                del text[end:]
            except BufferError:
                # Somebody still sends the last one.
                text = self._text = bytearray(memoryview(text)[:end])
        if before != self._front:
            text[: len(self._front)] = before
            self._front = before
        if new := self._pieces[len(ends) : count]:
            at = -1
            if ends:
                text += b","
                at = ends[-1]
            text += b",".join(new)
            # Last: where the memory does not suffice for the text, nothing of it counts as written.
            for piece in new:
                at += 1 + len(piece)
                ends.append(at)
        return text


class Pieces(Sequence[bytes]):
    """The first ``count`` pieces of a list to which nothing but further ones is done."""

    __slots__ = ("_count", "_grown", "_pieces", "origin")

    def __init__(self, pieces: list[bytes], count: int | None = None, grown: Growing | None = None) -> None:
        self._pieces = pieces
        self._count = len(pieces) if count is None else count
        self._grown = grown
        self.origin = None if grown is None else grown.origin
        """Two of the same origin begin with the same pieces; None says nothing."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return islice(self._pieces, self._count)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, int):
            return self._pieces[range(self._count)[index]]
        start, stop, step = index.indices(self._count)
        return self._pieces[start:stop] if step == 1 else list(self)[index]

    def between(self, before: bytes, behind: bytes) -> bytes | memoryview:
        """Their text with ``before`` and ``behind``, which is not empty; to be kept no longer than it is sent."""
        grown = self._grown
        if grown is not None and grown.origin is self.origin:
            return grown.between(before, self._count, behind)
        pieces = list(self)
        if not pieces:
            return before + behind
        # So that each is copied once: there may be a megabyte of them.
        pieces[0] = before + pieces[0]
        pieces[-1] += behind
        return b",".join(pieces)

    def alone(self) -> Pieces:
        """The same, to be kept: without what joins them."""
        pieces = Pieces(self._pieces, self._count)
        pieces.origin = self.origin
        return pieces

    def text(self) -> bytes:
        """Their text."""
        grown = self._grown
        return b",".join(self) if grown is None or grown.origin is not self.origin else grown.text(self._count)
