"""Rows as a person reads them (aligned columns) or as a program does (JSON)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def columns(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with a heading; every column is as wide as its widest cell."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def as_json(value: Any) -> str:
    """``value`` for a program."""
    return json.dumps(value, indent=2, ensure_ascii=False)
