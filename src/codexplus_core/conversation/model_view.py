"""The model's view of one thread, made once and then only where the client's view grew."""

from __future__ import annotations

from array import array

from ..protocol.pieces import Growing, Pieces


class ModelView:
    """What the model is sent for each of the first items of a client's view: bytes to join, or nothing."""

    __slots__ = ("_counts", "_differs_at", "_pieces", "boundary", "journaled")

    def __init__(self) -> None:
        self.boundary = 0
        """The client's view's, when this was made."""
        self.clear()

    def clear(self) -> None:
        """Forget all of it; it is made again when it is needed."""
        self._pieces = Growing()
        self._counts = array("q")
        self._differs_at: int | None = None
        self.journaled: set[int] = set()
        """The items for which it depends on what the client sends behind them."""

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def size(self) -> int:
        """Bytes that it takes beside the client's view."""
        return self._pieces.size

    def add(self, piece: bytes, own: bytes) -> None:
        """What is sent for the next item, whose bytes are ``own``: these themselves where nothing was decided."""
        if piece is not own and self._differs_at is None:
            self._differs_at = len(self._counts)
        if piece:
            self._pieces.add(piece)
        self._counts.append(len(self._pieces))

    def piece(self, index: int) -> bytes:
        """What is sent for one item."""
        behind = self._counts[index]
        return self._pieces[behind - 1] if behind > self._before(index) else b""

    def cut(self, index: int) -> None:
        """Forget it from one item on."""
        self._pieces.cut(self._before(index))
        del self._counts[index:]
        if self._differs_at is not None and self._differs_at >= index:
            self._differs_at = None

    def differs(self, end: int) -> bool:
        """True where it is not what the client said for one of the first ``end`` items."""
        return self._differs_at is not None and self._differs_at < end

    def first(self, end: int) -> Pieces:
        """What is sent for the first ``end`` items, as it is now."""
        return self._pieces.first(self._before(end))

    def _before(self, index: int) -> int:
        return self._counts[index - 1] if index else 0
