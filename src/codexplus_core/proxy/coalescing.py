"""Many pieces in few turns of the loop, as network cards coalesce interrupts: above a rate, it takes a breath."""

from __future__ import annotations

import time
from collections.abc import Callable

BUSY = 4000
"""Small pieces a second above which they wait for each other; a person's few streams never come to that."""
MANY = 16
"""Transfers with small pieces of late below which none waits: of a few so quick ones each may wait for its client."""
BREATH_S = 0.001
"""Seconds that a small piece waits at most."""
GATHERED = 16
"""Small pieces in one turn that are worth no further wait."""
WINDOW = 64
"""Small pieces after which their rate is looked at."""
SMALL = 1024
"""Bytes from which a piece is no small one."""
STALE_S = 0.02
"""Seconds after which the rates are looked at however little came; a busy window is over sooner."""

HEAVY = 64_000_000
"""Bytes a second in larger pieces above which these wait for each other: only what has been buffered comes so fast."""
HEAVY_BREATH_S = 0.0003
"""Seconds that a larger piece waits at most."""
HEAVY_GATHERED = 64 * 1024
"""Bytes in one turn that are worth no further wait."""
HEAVY_WINDOW = 64 * 1024
"""Bytes after which their rate is looked at."""


class Coalescing:
    """Knows whether pieces come at a rate at which they should go by together (``busy``).

    A turn of the loop for every piece or two, and a client that is woken for each, are a fifth of what dozens of
    streams cost, and a third of what bursts do. Every piece is counted: small ones by their number, with a judgement
    asked for after each ``WINDOW`` of them, larger ones by their bytes. While it is busy, what comes in a turn of the
    loop is passed on at its end, and ``breathe`` called.
    """

    __slots__ = (
        "_before", "_breath", "_bytes", "_bytes_before", "_bytes_since", "_clock", "_heavy", "_many", "_since",
        "_sleep", "_transfers", "_window", "busy", "passed",
    )  # fmt: skip

    def __init__(
        self, *, clock: Callable[[], float] = time.perf_counter, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.passed = 0
        self.busy = self._many = self._heavy = False
        self._transfers = 0
        self._window = 0
        self._clock = clock
        self._sleep = sleep
        self._breath = 0.0
        self._since = self._bytes_since = clock()
        self._before = 0
        self._bytes = self._bytes_before = 0

    def count(self, pieces: int, size: int, window: int) -> int:
        """Note that a transfer passes so many pieces on, ``size`` bytes of them.

        Takes and gives the window in which it last passed on small ones.
        """
        if size >= SMALL * pieces:
            self._bytes += size
            if self._bytes >= HEAVY_WINDOW:
                self._judge_bytes(self._clock())
            return window
        self.passed += pieces
        if window != self._window:
            self._transfers += 1
        return self._window

    def judge(self) -> None:
        """Look at the rate of small pieces since the last time."""
        self._judge(self._clock())
        self._before = 0

    def breathe(self) -> None:
        """Let the next pieces gather, where little was passed on in this turn."""
        now = self._clock()
        if self.passed >= WINDOW or now - self._since > STALE_S:
            self._judge(now)
        if now - self._bytes_since > STALE_S:
            self._judge_bytes(now)
        gathered, self._before = self.passed - self._before, self.passed
        weight, self._bytes_before = self._bytes - self._bytes_before, self._bytes
        if gathered < GATHERED and weight < HEAVY_GATHERED:
            if self._many:
                self._sleep(self._breath)
            elif self._heavy:
                self._sleep(HEAVY_BREATH_S)

    def _judge(self, now: float) -> None:
        elapsed = now - self._since
        self._many = self._transfers >= MANY and self.passed > BUSY * elapsed
        self.busy = self._many or self._heavy
        if self._many:
            self._breath = min(BREATH_S, GATHERED * elapsed / self.passed)
        self._since = now
        self._before -= self.passed
        self.passed = self._transfers = 0
        self._window += 1

    def _judge_bytes(self, now: float) -> None:
        self._heavy = self._bytes > HEAVY * (now - self._bytes_since)
        self.busy = self._many or self._heavy
        self._bytes_since = now
        self._bytes_before -= self._bytes
        self._bytes = 0
