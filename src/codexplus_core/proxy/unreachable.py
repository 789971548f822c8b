"""Saying in the log that no answer came from upstream, without a line for each try of each client."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .transport import UpstreamError

EVERY_S = 60.0
"""Seconds for which the same trouble is one line."""
_KEPT = 64
# How long curl tried is another number each time.
_TRIED = re.compile(r"\d+ (?:ms|milliseconds)\b")


@dataclass(slots=True)
class _Trouble:
    said_at: float = -math.inf
    times: int = 0
    """How often since then."""


class Unreachable:
    """Logs ``upstream_unreachable``: at once what is new, the same again at most once a minute with ``times``."""

    def __init__(self, log: Any, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._troubles: dict[tuple[str, str], _Trouble] = {}

    def __call__(self, error: UpstreamError) -> None:
        """Log an error, or count it."""
        now, message = self._clock(), str(error)
        known = self._troubles.setdefault((error.kind, _TRIED.sub("", message)), _Trouble())
        known.times += 1
        if now - known.said_at < EVERY_S:
            return
        more = {"times": known.times} if known.times > 1 else {}
        self._log.warning("upstream_unreachable", kind=error.kind, message=message, **more)
        known.said_at, known.times = now, 0
        if len(self._troubles) > _KEPT:
            # What words a client can bring about are many.
            del self._troubles[next(iter(self._troubles))]
