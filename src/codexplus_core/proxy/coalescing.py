"""Many small pieces in few turns of the loop, as network cards coalesce interrupts: above a rate, it takes a breath."""

from __future__ import annotations

import time
from collections.abc import Callable

BUSY = 4000
"""Pieces a second above which they wait for each other; a person's few streams never come to that."""
MANY = 16
"""Transfers under way below which none waits: of a few that are so quick, each may wait for what its client says."""
BREATH_S = 0.001
"""Seconds that a piece waits for others at most."""
GATHERED = 16
"""Pieces in one turn that are worth no further wait."""
WINDOW = 64
"""Pieces after which the rate is looked at."""
SMALL = 1024
"""Bytes from which a piece is no small one."""
STALE_S = 0.02
"""Seconds without a turn after which nothing is known of the rate any more."""


class Coalescing:
    """Knows whether small pieces come at a rate at which they should go by together (``busy``).

    A turn of the loop for every piece or two, and a client that is woken for each, are a fifth of what dozens of
    streams cost. Who passes a small piece on adds it to ``passed``, and asks for a judgement at every ``WINDOW``; while
    it is busy, what comes in a turn of the loop is passed on at its end, and ``breathe`` called.
    """

    __slots__ = ("_before", "_breath", "_clock", "_since", "_sleep", "_turned", "busy", "passed")

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.passed = 0
        self.busy = False
        self._clock = clock
        self._sleep = sleep
        self._breath = 0.0
        self._since = self._turned = clock()
        self._before = 0

    def judge(self, transfers: int) -> None:
        """Look at the rate since the last time, and at how many there are whose pieces may come together."""
        self._judge(self._clock(), transfers)
        self._before = 0

    def breathe(self, transfers: int) -> None:
        """Let the next pieces gather, where few were passed on in this turn."""
        now = self._clock()
        if self.passed >= WINDOW or now - self._turned > STALE_S:
            self._judge(now, transfers)
        gathered, self._before, self._turned = self.passed - self._before, self.passed, now
        if self.busy and gathered < GATHERED:
            self._sleep(self._breath)

    def _judge(self, now: float, transfers: int) -> None:
        elapsed = now - self._since
        self.busy = transfers >= MANY and self.passed > BUSY * elapsed
        if self.busy:
            self._breath = min(BREATH_S, GATHERED * elapsed / self.passed)
        self._since = self._turned = now
        self._before -= self.passed
        self.passed = 0
