"""A circuit breaker: after some failures in a row nothing is tried for a while, then one attempt finds out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

FAILURES = 3
REST_S = 60.0


class Breaker:
    """Open after ``failures`` in a row, for ``rest`` seconds; then one probe at a time until one succeeds.

    ``clock`` gives seconds that only grow. Whoever was admitted says afterwards how it went, or that it gave up.
    """

    def __init__(
        self, *, failures: int = FAILURES, rest: float = REST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether nothing is admitted but, after the rest, a probe."""
        return self._failures >= self._most

    @property
    def state(self) -> Literal["closed", "half_open", "open"]:
        """``half_open`` while a probe is under way."""
        if not self.is_open:
            return "closed"
        return "half_open" if self._probing else "open"

    @property
    def retry_in(self) -> float:
        """Seconds until something may be tried again, 0 where it may be now."""
        return max(0.0, self._until - self._clock()) if self.is_open else 0.0

    def admit(self) -> bool:
        """Whether to try now. Of those who come after the rest only one is admitted, until it says how it went."""
        if not self.is_open:
            return True
        if self._probing or self.retry_in > 0:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The server did what it was asked: all is well."""
        self._failures = 0
        self._until = 0.0
        self._probing = False

    def failed(self) -> None:
        """The server did not answer, or is gone."""
        self._probing = False
        self._failures = min(self._failures + 1, self._most)
        if self.is_open:
            self._until = self._clock() + self._rest

    def gave_up(self) -> None:
        """Nobody waited for the answer, so nothing is known; another probe may be made."""
        self._probing = False
