"""The account of usage in memory, and its way to the disk and back: what is counted here, and by other proxies."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from .budget import Budget, Tally, tallies
from .store import Unusable, UsageStore
from .sums import NOTHING, Sums, Use
from .windows import Window

FLUSH_S = 0.5
"""Seconds that what was counted waits for more to be written with it; what a crash may lose."""
AGAIN_S = 5.0
"""Seconds until a disk that took nothing is tried again."""
MOST = 10_000
"""Different uses that are kept while the disk takes nothing; the rest is counted under one name."""

Batch = dict[tuple[str, Use], Sums]
Windows = dict[tuple[str, str], Window]


@dataclass(slots=True)
class _Read:
    """What was read from the disk, None where there was no need to."""

    sums: dict[date, list[tuple[Use, Sums]]] | None = None
    windows: Windows = field(default_factory=dict)


class Account:
    """Counts at once in memory, and writes behind that in a thread: no request waits for a disk.

    What the disk does not take stays in memory and is tried again; ``problem`` says why. ``report(event, **fields)``
    is told once of each problem.
    """

    def __init__(self, store: UsageStore, report: Callable[..., None]) -> None:
        self._store = store
        self._report = report
        self._pending: Batch = {}
        self._unwritten: Windows = {}
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._tallies: list[Tally] = []
        self._budgets: tuple[Budget, ...] = ()
        self._day = date.min
        self._keep_days = 0
        self._forgotten = date.min
        self.windows: Windows = {}
        """The newest figures of each account's windows."""
        self.loaded = False
        """Whether the sums of the disk are among those that budgets are held against."""
        self.problem = ""

    @property
    def tallies(self) -> list[Tally]:
        """What is gone of the budgets that were asked for last."""
        return self._tallies

    def count(self, day: date, use: Use, sums: Sums, windows: dict[tuple[str, str], Window]) -> None:
        """Count a use, and keep what was told of windows."""
        if sums.requests:
            key = (day.isoformat(), use)
            if key not in self._pending and len(self._pending) >= MOST:
                key = (key[0], use._replace(project="", model="other"))
            self._pending[key] = self._pending.get(key, NOTHING).plus(sums)
            for tally in self._tallies:
                tally.add(use, sums)
        self._unwritten.update(windows)
        self.windows.update(windows)
        if self._timer is None and self._running is None:
            self._later(FLUSH_S)

    async def look(self, budgets: tuple[Budget, ...], day: date, keep_days: int = 0) -> None:
        """Bring the tallies of these budgets up to date with what is on disk."""
        self._keep_days = keep_days
        while self._running is not None:
            await asyncio.shield(self._running)
        if budgets is not self._budgets or day != self._day:
            self._budgets, self._day, self.loaded = budgets, day, False
            self._tallies = tallies(budgets, day)
        await asyncio.shield(self._start())

    async def keep(self) -> None:
        """Write what was counted until now, as far as the disk takes it."""
        while self._running is not None:
            await asyncio.shield(self._running)
        if self._pending or self._unwritten:
            await asyncio.shield(self._start())

    async def close(self) -> None:
        """Write what is not written, as far as the disk takes it, and close the file."""
        await self.keep()
        self._no_timer()
        await asyncio.to_thread(self._store.close)

    # -- to the disk and back

    def _later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._start)

    def _no_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> asyncio.Task[None]:
        self._no_timer()
        if self._running is None:
            # Not in the context of the hook that it is begun from: it outlives it, and its time is nobody's.
            context = contextvars.Context()
            self._running = asyncio.get_running_loop().create_task(
                self._sync(), name="codexplus-usage", context=context
            )
        return self._running

    async def _sync(self) -> None:
        batch, self._pending = self._pending, {}
        windows, self._unwritten = self._unwritten, {}
        wanted = {tally.start for tally in self._tallies}
        before = self._obsolete()
        failed = False
        try:
            read = await asyncio.to_thread(self._visit, batch, windows, wanted, not self.loaded, before)
        except Unusable as error:
            failed = True
            for (day, use), sums in batch.items():
                self._pending[day, use] = self._pending.get((day, use), NOTHING).plus(sums)
            self._unwritten = {**windows, **self._unwritten}
            self._tell(str(error))
        else:
            self._tell(self._store.damage)
            self._take(read)
        finally:
            self._running = None
        if self._pending or self._unwritten:
            self._later(AGAIN_S if failed else FLUSH_S)

    def _visit(self, batch: Batch, windows: Windows, wanted: set[date], anew: bool, before: str) -> _Read:
        """In a thread: write, and read where others have written or nothing is known yet."""
        if not batch and not windows and not self._store.exists:
            return _Read({start: [] for start in wanted})
        if batch or windows:
            self._store.add(batch, windows)
        if before:
            self._store.forget(before)
        if not self._store.changed() and not anew:
            return _Read()
        return _Read({start: self._store.sums(start.isoformat()) for start in wanted}, self._store.windows())

    def _take(self, read: _Read) -> None:
        if read.sums is None:
            return
        if {tally.start for tally in self._tallies} <= read.sums.keys():
            fresh = [Tally(tally.budget, tally.start) for tally in self._tallies]
            for tally in fresh:
                _add_all(tally, read.sums[tally.start])
                # Counted while the disk was busy.
                _add_all(tally, ((use, sums) for (_, use), sums in self._pending.items()))
            self._tallies, self.loaded = fresh, True
        newer = {key: seen for key, seen in read.windows.items() if seen.at >= self._seen_at(key)}
        self.windows.update(newer)

    def _seen_at(self, key: tuple[str, str]) -> float:
        known = self.windows.get(key)
        return known.at if known is not None else float("-inf")

    def _obsolete(self) -> str:
        """The day before which nothing is kept; once a day, and never what a budget still counts."""
        if not self._keep_days or self._day == self._forgotten or self._day == date.min:
            return ""
        self._forgotten = self._day
        days = [self._day - timedelta(days=self._keep_days), *(tally.start for tally in self._tallies)]
        return min(days).isoformat()

    def _tell(self, problem: str) -> None:
        if problem and problem != self.problem:
            self._report("usage_not_kept", reason=problem)
        self.problem = problem


def _add_all(tally: Tally, rows: Iterable[tuple[Use, Sums]]) -> None:
    for use, sums in rows:
        tally.add(use, sums)


def no_report(event: str, **fields: Any) -> None:
    """Tell nobody: for those who only read."""
