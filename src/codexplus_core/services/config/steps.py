"""Dotted keys, cut into the names and numbers that they lead through."""

from __future__ import annotations

import re

_STEP = re.compile(r"[^.\[\]]+|\[(\d+)\]")


def steps(key: str) -> list[str | int]:
    """``hooks.Stop[0]`` as ``["hooks", "Stop", 0]``."""
    return [step[0] if step[1] is None else int(step[1]) for step in _STEP.finditer(key)]


def names(key: str) -> tuple[str, ...]:
    """The names of a dotted key, without the numbers."""
    return tuple(step for step in steps(key) if isinstance(step, str))


def splits(name: str) -> bool:
    """Whether a single name, in a dotted key, would read as several."""
    return any(sign in name for sign in ".[]")
