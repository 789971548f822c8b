"""The newest ten thousand model requests, by which the promises are judged."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

WINDOW = 10_000
QUANTILES = (0.5, 0.95, 0.99)


class Rolling:
    """Latency that the proxy added, and answers that broke off, over a window of requests."""

    def __init__(self, size: int = WINDOW) -> None:
        self._size = size
        self._added = array("d")
        self._broken = bytearray()
        self._next_added = self._next_broken = 0

    def add(self, added_s: float | None, *, broken: bool) -> None:
        """Note one streamed answer; ``added_s`` None where there was no first byte to compare."""
        if added_s is not None:
            if len(self._added) < self._size:
                self._added.append(added_s)
            else:
                self._added[self._next_added] = added_s
            self._next_added = (self._next_added + 1) % self._size
        if len(self._broken) < self._size:
            self._broken.append(broken)
        else:
            self._broken[self._next_broken] = broken
        self._next_broken = (self._next_broken + 1) % self._size

    def add_whole(self, added_s: Sequence[float]) -> None:
        """Note streamed answers of which none broke off."""
        self._next_added = _put(self._added, self._size, self._next_added, array("d", added_s))
        self._next_broken = _put(self._broken, self._size, self._next_broken, bytearray(len(added_s)))

    @property
    def seen(self) -> int:
        """Requests in the window."""
        return len(self._broken)

    @property
    def broken_share(self) -> float:
        """The share of answers that broke off midway, 0 where there was none."""
        return sum(self._broken) / len(self._broken) if self._broken else 0.0

    def quantiles(self) -> dict[float, float]:
        """Added seconds by quantile: the smallest value that so large a share does not exceed."""
        ordered = sorted(self._added)
        if not ordered:
            return {}
        # Nearest rank: what is shown was measured.
        return {share: ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)] for share in QUANTILES}


def _put(ring: Any, size: int, at: int, values: Any) -> int:
    """Put ``values`` into a ring that grows up to ``size``, the first of them ``at``; gives the place behind them."""
    room = size - len(ring)
    ring.extend(values[:room])
    rest = values[room:] if room < len(values) else values[:0]
    at = (at + len(values) - len(rest)) % size
    while rest:
        part = rest[: size - at]
        ring[at : at + len(part)] = part
        rest, at = rest[len(part) :], (at + len(part)) % size
    return at
