"""Counts, values and histograms in memory, each by its labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from .names import Instrument

Labels = tuple[str, ...]

MOST_SERIES = 500
"""Sets of labels that one instrument may have; what comes beyond is counted as ``other``. Values come from closed sets
already: this is the wall behind them."""
OTHER = "other"


class Histogram:
    """Numbers by size. ``counts`` has one more than there are edges: the last is for what lies beyond them all."""

    __slots__ = ("counts", "edges", "total")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a number."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value

    def add_all(self, values: Sequence[float]) -> None:
        """Count several."""
        counts = self.counts
        for index in map(bisect_left, repeat(self.edges), values):
            counts[index] += 1
        self.total = sum(values, self.total)


class Number:
    """A count, or a value."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


@dataclass(frozen=True, slots=True)
class Series:
    """What an instrument shows for one set of labels: a number, or a histogram's counts and sum."""

    labels: Labels
    value: float = 0.0
    counts: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many numbers a histogram has seen."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Family:
    """An instrument and all it shows at one moment."""

    instrument: Instrument
    series: tuple[Series, ...]


class Registry:
    """The instruments' state. One thread writes; counting is a look-up and an addition."""

    def __init__(self, instruments: Iterable[Instrument], most: int = MOST_SERIES) -> None:
        self._numbers: dict[Instrument, dict[Labels, Number]] = {}
        self._histograms: dict[Instrument, dict[Labels, Histogram]] = {}
        self._order = tuple(instruments)
        self._most = most
        for instrument in self._order:
            if instrument.kind == "histogram":
                self._histograms[instrument] = {}
            else:
                # What has no labels is there from the start: a counter that appears with its first event hides it.
                self._numbers[instrument] = {} if instrument.labels else {(): Number()}

    def number(self, instrument: Instrument, labels: Labels = ()) -> Number:
        """Where something is counted; it stays the same one."""
        cells = self._numbers[instrument]
        found = cells.get(labels)
        if found is None:
            found = cells.setdefault(self._admitted(instrument, labels, len(cells)), Number())
        return found

    def histogram(self, instrument: Instrument, labels: Labels) -> Histogram:
        """Where numbers are counted; it stays the same one."""
        cells = self._histograms[instrument]
        found = cells.get(labels)
        if found is None:
            labels = self._admitted(instrument, labels, len(cells))
            found = cells.setdefault(labels, Histogram(instrument.buckets))
        return found

    def add(self, instrument: Instrument, labels: Labels = (), by: float = 1.0) -> None:
        """Count something."""
        self.number(instrument, labels).value += by

    def put(self, instrument: Instrument, labels: Labels, value: float) -> None:
        """Set a gauge."""
        self.number(instrument, labels).value = value

    def observe(self, instrument: Instrument, labels: Labels, value: float) -> None:
        """Count a number in a histogram."""
        self.histogram(instrument, labels).add(value)

    def _admitted(self, instrument: Instrument, labels: Labels, there: int) -> Labels:
        if len(labels) != len(instrument.labels):
            raise ValueError(f"{instrument.name}: {len(instrument.labels)} labels expected, got {len(labels)}")
        return labels if there < self._most else (OTHER,) * len(labels)

    def families(self) -> Iterator[Family]:
        """Everything as it is now, in the table's order."""
        for instrument in self._order:
            if instrument.kind == "histogram":
                yield Family(instrument, tuple(
                    Series(labels, found.total, tuple(found.counts))
                    for labels, found in self._histograms[instrument].items()
                ))  # fmt: skip
            else:
                cells = self._numbers[instrument]
                yield Family(instrument, tuple(Series(labels, found.value) for labels, found in cells.items()))
