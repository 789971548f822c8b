"""The Elastic Common Schema as nested objects, for systems that do not open dotted names."""

from __future__ import annotations

import json
from typing import Any


def ecs(record: dict[str, Any]) -> str:
    """One JSON object."""
    made: dict[str, Any] = {}
    for name, value in record.items():
        *above, last = name.split(".")
        at = made
        for step in above:
            inner = at.setdefault(step, {})
            at = inner if isinstance(inner, dict) else at
        at[last] = value
    return json.dumps(made, separators=(",", ":"))
