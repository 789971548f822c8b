"""Every literal that a secret may begin with, looked for all at once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple


class Anchor(NamedTuple):
    """A literal in ASCII; ``number`` is its owner's. Where ``folded``, it is in lower case and stands for any case."""

    text: str
    number: int
    folded: bool


class _Candidate(NamedTuple):
    """An anchor that may begin ``at`` characters behind the beginning of another one."""

    at: int
    literal: bytes
    anchor: Anchor


class Anchors:
    """Finds the places of literals in a text, in one pass of an automaton.

    Two hundred searches, each quick by itself, cost fifty times as much; they remain for where RE2 cannot be loaded.
    """

    def __init__(self, every: Iterable[Anchor]) -> None:
        self._every = sorted(every, key=lambda anchor: (anchor.number, anchor.text))
        self._literals = [(anchor.text.encode("ascii"), anchor) for anchor in self._every]
        self._by_letter: dict[bytes, list[tuple[bytes, Anchor]]] = {}
        for literal, anchor in self._literals:
            self._by_letter.setdefault(literal[:1].lower(), []).append((literal, anchor))
        self._about: dict[bytes, _About] = {}

    def places(self, text: str, at: int) -> list[tuple[int, int, str]]:
        """Every place from ``at`` on where one begins, also within another: the place, its number and itself."""
        # A byte for a character, so that places are the text's. No anchor holds a "?".
        data = (text[at:] if at else text).encode("ascii", "replace")
        return self._places(data, at) if self._automaton is not None else self._one_by_one(data, at)

    def _places(self, data: bytes, offset: int) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        low = b""
        for match in self._automaton.finditer(data):
            low = low or data.lower()
            first, end = match.span()
            # The automaton goes on behind what it found; others may begin at the same place or within it.
            within, further = self._about.get(low[first:end]) or self._look(low[first:end])
            for at, literal, anchor in further.get(low[end : end + 1], within):
                start = first + at
                if (low if anchor.folded else data).startswith(literal, start):
                    found.append((offset + start, anchor.number, anchor.text))
        return found

    def _look(self, seen: bytes) -> _About:
        """What may begin within an anchor: as many of these as there are anchors are kept."""
        within: list[_Candidate] = []
        further: dict[bytes, list[_Candidate]] = {}
        for at in range(len(seen)):
            rest = seen[at:]
            for literal, anchor in self._by_letter.get(rest[:1], ()):
                low, candidate = literal.lower(), _Candidate(at, literal, anchor)
                if rest.startswith(low):
                    within.append(candidate)
                    for candidates in further.values():
                        candidates.append(candidate)
                elif low.startswith(rest):
                    following = low[len(rest) : len(rest) + 1]
                    further.setdefault(following, [*within]).append(candidate)
        about = self._about[seen] = (within, further)
        return about

    def _one_by_one(self, data: bytes, offset: int) -> list[tuple[int, int, str]]:
        found = []
        low = data.lower()
        for literal, anchor in self._literals:
            where = low if anchor.folded else data
            start = where.find(literal)
            while start >= 0:
                found.append((offset + start, anchor.number, anchor.text))
                start = where.find(literal, start + 1)
        return sorted(found)

    @cached_property
    def _automaton(self) -> Any:
        try:
            import re2  # type: ignore[import-untyped]  # at the first text: most commands redact nothing
        except ImportError:
            return None
        options = re2.Options()
        options.never_capture = True
        # The shortest first: at every place the anchor that says the least of what else may be there.
        ordered = sorted(self._every, key=lambda anchor: len(anchor.text))
        words = (f"(?i:{re2.escape(anchor.text)})" if anchor.folded else re2.escape(anchor.text) for anchor in ordered)
        return re2.compile("|".join(words).encode("ascii"), options)


_About = tuple[list[_Candidate], dict[bytes, list[_Candidate]]]
"""Those within an anchor, and those with them that may begin there where a letter follows it."""
