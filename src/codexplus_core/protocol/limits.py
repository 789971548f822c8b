"""What the ChatGPT backend says about an account's limits: header lines of an answer, or an event within it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

LIMITS = "codex.rate_limits"
"""The event that carries the figures over a WebSocket, where an answer has no header lines of its own."""

_NAME = itemgetter(0)
_PARTS = (b"x-codex-primary-", b"x-codex-secondary-")
_LONGEST = 100
_MOST = 32
_WINDOW = ("used_percent", "window_minutes", "reset_at")


def limits_of_headers(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The header lines about an account's windows, by lower-case name, such as ``x-codex-primary-used-percent``."""
    # Every answer comes by here, and with an API key none has such lines.
    names = b"\n".join(map(_NAME, headers)).lower()
    found: dict[str, str] = {}
    if names.find(_PARTS[0]) < 0 and names.find(_PARTS[1]) < 0:
        return found
    for name, value in headers:
        key = name.lower()
        if key.startswith(_PARTS) and len(value) <= _LONGEST and len(key) <= _LONGEST and len(found) < _MOST:
            found[key.decode("latin-1")] = value.decode("latin-1")
    return found


def limits_of_event(data: dict[str, Any] | None) -> dict[str, str]:
    """The same figures from an event, under the names that the header lines have; ``{}`` where it holds none."""
    limits = (data or {}).get("rate_limits")
    # Models with a limit of their own have events of their own: `metered_limit_name` says whose it is.
    if not isinstance(limits, dict) or (data or {}).get("metered_limit_name", "codex") not in (None, "", "codex"):
        return {}
    found: dict[str, str] = {}
    for window in ("primary", "secondary"):
        figures = limits.get(window)
        if not isinstance(figures, dict):
            continue
        for name in _WINDOW:
            value = figures.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[f"x-codex-{window}-{name.replace('_', '-')}"] = str(value)
    return found
