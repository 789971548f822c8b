"""Very many names of files, looked through for those that a path rule may mean, without trying every one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .path_parts import Part, is_glob
from .paths import SHORT_NAME, absolute, folded, forward

MOST_EFFORT = 1_000_000
"""What one command may cost, some tenths of a second; beyond it a denying rule is taken to be about the command."""
TRYING = 50
"""What it costs to hold a rule against a name, by the measure of looking at one part of a name."""


class PathIndex:
    """Names of files by the parts of their paths, as they are placed from ``cwd``."""

    def __init__(self, names: Iterable[str], cwd: str) -> None:
        self._by_part: dict[str, set[str]] = {}
        self._by_last: dict[str, set[str]] = {}
        # Patterns, short names of Windows and the home folder may come to other parts than they show.
        self._odd: set[str] = set()
        self._all: set[str] = set()
        here = _parts(absolute(cwd or "/", "/"))
        for name in names:
            self._all.add(name)
            if name.startswith("~"):
                self._odd.add(name)
            whole = absolute(name, cwd)
            parts = _parts(whole)
            for part in parts:
                self._by_part.setdefault(part, set()).add(name)
            last = _plain(folded(whole).rpartition("/")[2])
            if is_glob(last) or SHORT_NAME.fullmatch(last):
                self._odd.add(name)
            # What lies around the working folder may hold anything.
            around = len(parts) < len(here) and here.issuperset(parts)
            self._by_last.setdefault("" if around else last, set()).add(name)
        self.effort = 0

    def may_mean(self, part: Part) -> Iterator[str]:
        """The names that have such a part anywhere in their path, and those of which it cannot be told."""
        found = self._all if part is None else _having(part, self._by_part) | self._odd
        self.effort += len(found) * TRYING + (len(self._by_part) if isinstance(part, re.Pattern) else 0)
        yield from found

    def may_be_called(self, part: Part) -> Iterator[str]:
        """The names that end with such a part, and those of folders around the working folder."""
        found = self._all if part is None else _having(part, self._by_last) | self._by_last.get("", set())
        self.effort += len(found) * TRYING + (len(self._by_last) if isinstance(part, re.Pattern) else 0)
        yield from found

    @property
    def spent(self) -> bool:
        """Whether looking any further would take too long."""
        return self.effort > MOST_EFFORT


def _having(part: str | re.Pattern[str], by_part: dict[str, set[str]]) -> set[str]:
    if isinstance(part, str):
        return by_part.get(part, set())
    return {name for key, names in by_part.items() if part.match(key) for name in names}


def _parts(path: str) -> set[str]:
    shown = folded(path).split("/")
    hidden = [_plain(part) for part in folded("/".join(_plain(part) for part in forward(path).split("/"))).split("/")]
    return {part for part in (*shown, *hidden) if part}


def _plain(part: str) -> str:
    return part if part in (".", "..") else part.partition(":")[0].rstrip(". ")
