"""Many small pieces in few turns of the loop, as network cards coalesce interrupts: above a rate, it takes a breath."""

from __future__ import annotations

import time
from collections.abc import Callable

BUSY = 4000
"""Pieces a second above which they wait for each other; a person's few streams never come to that."""
MANY = 16
"""Transfers with pieces of late below which none waits: of a few so quick ones each may wait for its client."""
BREATH_S = 0.001
"""Seconds that a piece waits at most."""
GATHERED = 16
"""Pieces in one turn that are worth no further wait."""
WINDOW = 64
"""Pieces after which the rate is looked at."""
SMALL = 1024
"""Bytes from which a piece is no small one."""
STALE_S = 0.02
"""Seconds after which the rate is looked at however few pieces there were; a busy window is over sooner."""


class Coalescing:
    """Knows whether small pieces come at a rate at which they should go by together (``busy``).

    A turn of the loop for every piece or two, and a client that is woken for each, are a fifth of what dozens of
    streams cost. Every small piece is counted, and a judgement asked for after each ``WINDOW`` of them. While it is
    busy, what comes in a turn of the loop is passed on at its end, and ``breathe`` called.
    """

    __slots__ = ("_before", "_breath", "_clock", "_since", "_sleep", "_transfers", "_window", "busy", "passed")

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.passed = 0
        self.busy = False
        self._transfers = 0
        self._window = 0
        self._clock = clock
        self._sleep = sleep
        self._breath = 0.0
        self._since = clock()
        self._before = 0

    def count(self, pieces: int, window: int) -> int:
        """Note that a transfer passes so many small pieces on; takes and gives the window in which it does so."""
        self.passed += pieces
        if window != self._window:
            self._transfers += 1
        return self._window

    def judge(self) -> None:
        """Look at the rate since the last time."""
        self._judge(self._clock())
        self._before = 0

    def breathe(self) -> None:
        """Let the next pieces gather, where few were passed on in this turn."""
        now = self._clock()
        if self.passed >= WINDOW or now - self._since > STALE_S:
            self._judge(now)
        gathered, self._before = self.passed - self._before, self.passed
        if self.busy and gathered < GATHERED:
            self._sleep(self._breath)

    def _judge(self, now: float) -> None:
        elapsed = now - self._since
        self.busy = self._transfers >= MANY and self.passed > BUSY * elapsed
        if self.busy:
            self._breath = min(BREATH_S, GATHERED * elapsed / self.passed)
        self._since = now
        self._before -= self.passed
        self.passed = self._transfers = 0
        self._window += 1
