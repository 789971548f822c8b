"""How much a record matters, on the scales of others."""

from __future__ import annotations

from typing import Any

_ABOUT_THE_LOG = frozenset({"audit.dropped", "audit.replaced", "audit.clock"})


def weight(record: dict[str, Any]) -> int:
    """0 for what is as usual, 1 for failures, 2 for what was denied, 3 for trouble with the log itself."""
    if record.get("event.action") in _ABOUT_THE_LOG:
        return 3
    if record.get("codexplus.verdict") == "denied":
        return 2
    return 1 if record.get("event.outcome") == "failure" else 0
