"""Matching a path against a .gitignore pattern, part by part: in linear time, since repositories write patterns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

MOST_PARTS = 64

Part = str | re.Pattern[str] | None
"""One part of a pattern: a name, a glob over one name, or None for ``**``: any number of folders."""

ANYWHERE: tuple[Part, ...] = (None,)


def parts_of(pattern: str) -> tuple[Part, ...]:
    """The parts of a pattern. Raises ValueError for one that is out of all proportion."""
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    if len(names) > MOST_PARTS:
        raise ValueError(f"it has more than {MOST_PARTS} parts")
    return tuple(_part(name) for name in names)


def is_glob(name: str) -> bool:
    """Whether a name holds a wildcard."""
    return re.search(r"[*?\[]", name) is not None


def _part(name: str) -> Part:
    if name == "**":
        return None
    # fnmatch's translation uses atomic groups, so `*a*a*a*b` costs no more than its length.
    return re.compile(translate(name.replace("[^", "[!"))) if is_glob(name) else name


def fits(pattern: Sequence[Part], names: Sequence[str]) -> bool:
    """Whether the whole path matches the whole pattern."""
    reached = {0}
    for part in pattern:
        reached = _next(reached, part, names)
        if not reached:
            return False
    return len(names) in reached


def begins(pattern: Sequence[Part], names: Sequence[str]) -> bool:
    """Whether a path that begins with these folders can match the whole pattern."""
    reached = {0}
    for part in pattern:
        if len(names) in reached:
            return True
        reached = _next(reached, part, names)
        if not reached:
            return False
    return len(names) in reached


def _next(reached: set[int], part: Part, names: Sequence[str]) -> set[int]:
    if part is None:
        return set(range(min(reached), len(names) + 1))
    return {at + 1 for at in reached if at < len(names) and _is(part, names[at])}


def _is(part: str | re.Pattern[str], name: str) -> bool:
    return part == name if isinstance(part, str) else part.match(name) is not None
