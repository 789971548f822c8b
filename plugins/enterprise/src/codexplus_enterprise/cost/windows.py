"""A subscription's windows: how much of an account's allowance is used, and when it begins anew.

Codex 0.169 gets the same figures: header lines ``x-codex-primary-used-percent``, ``-window-minutes`` and ``-reset-at``
(seconds since 1970), and the same for ``secondary``; over a WebSocket an event with them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import NamedTuple

NAMES = ("primary", "secondary")
_FARTHEST_S = 400 * 86400


class Window(NamedTuple):
    """One window: percent ``used``, its length in ``minutes`` (0: not told), when it begins anew, when that was told.

    Times are seconds since 1970; ``resets_at`` is 0 where it was not told.
    """

    used: float
    minutes: int
    resets_at: float
    at: float

    @property
    def label(self) -> str:
        """Its length as people call it: ``"5 h"``, ``"1 day"``, ``"7 days"``."""
        if self.minutes <= 0:
            return ""
        if self.minutes >= 24 * 60:
            days = round(self.minutes / 1440)
            return f"{days} day{'' if days == 1 else 's'}"
        return f"{round(self.minutes / 60)} h" if self.minutes >= 60 else f"{self.minutes} min"

    def is_current(self, now: float) -> bool:
        """Whether the figures still hold: the window that they were about has not ended."""
        ends = self.resets_at or self.at + self.minutes * 60
        return now < ends


def windows_of(limits: Mapping[str, str], now: float) -> dict[str, Window]:
    """The windows that an answer told of, by name; one without a percentage is none."""
    found = {}
    for name in NAMES:
        used = _number(limits.get(f"x-codex-{name}-used-percent"))
        if used is None or not 0 <= used <= 1000:
            continue
        minutes = _number(limits.get(f"x-codex-{name}-window-minutes")) or 0
        resets = _number(limits.get(f"x-codex-{name}-reset-at")) or 0
        # A date that nobody lives to see would make a spent budget last for ever.
        sane = now - _FARTHEST_S < resets < now + _FARTHEST_S
        within = round(minutes) if 0 < minutes <= _FARTHEST_S / 60 else 0
        found[name] = Window(used, within, resets if sane else 0.0, now)
    return found


def account_name(account_id: str) -> str:
    """A short name for an account, which tells two apart and does not say which they are."""
    return hashlib.sha256(account_id.encode()).hexdigest()[:8] if account_id else ""


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
