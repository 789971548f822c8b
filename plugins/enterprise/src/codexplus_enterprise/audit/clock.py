"""The time of day, and whether it goes on as it should."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

JUMP_S = 2.0
"""Seconds that the time of day may differ from what has passed."""
STEADY_S = 86400.0
"""Seconds for which the time of day has to be believable before anything is removed because of its age."""
PAUSE_S = 86400.0
"""Seconds between two runs after which a wrong clock is as likely as a pause."""


def _boot_time() -> float:
    # It goes on while a laptop sleeps, so that waking up is no jump.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock:
    """The time of day against one that nobody sets. For one thread."""

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], float] = _boot_time) -> None:
        self.now = wall
        """Nanoseconds since 1970."""
        self.steady = steady
        self._offset = wall() / 1e9 - steady()
        self._sound_since = steady() - STEADY_S

    def jump(self) -> float:
        """Seconds by which the time of day was set since the last call, 0.0 where it was not."""
        offset = self.now() / 1e9 - self.steady()
        difference, self._offset = offset - self._offset, offset
        if abs(difference) < JUMP_S:
            return 0.0
        self._sound_since = self.steady()
        return difference

    def after(self, stamp: str) -> None:
        """Learn when the last run ended: a time before that, or long after it, is not believed at once."""
        try:
            pause = self.now() / 1e9 - datetime.fromisoformat(stamp).timestamp()
        except (ValueError, OverflowError):
            return
        if not 0 <= pause <= PAUSE_S:
            self._sound_since = self.steady()

    @property
    def believable(self) -> bool:
        """Whether the time of day may decide what is old."""
        return self.steady() - self._sound_since >= STEADY_S
