"""A command's words without their secrets: each by itself, by the option before it, and by what they say together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from .finder import Finder
from .names import kind_of
from .plausible import PLACEHOLDER
from .scan import Scan, Taken

REMEMBERED = 1024
"""Options whose kind of secret is remembered."""


class Words:
    """Looks through a command once, and closer only into words in which a secret may begin."""

    def __init__(self, finder: Finder, redact: Callable[[str], str]) -> None:
        """``redact`` is for one text."""
        self._finder = finder
        self._redact = redact
        self._options: dict[str, str | None] = {}

    def without_secrets(self, words: Sequence[str], *, each: bool) -> list[str]:
        """The words, as many as there were. With ``each`` every word is looked into by itself, whatever it holds."""
        made = self._named(words)
        if each:
            made = [self._redact(word) for word in made]
        line = " ".join(made)
        places = self._finder.places(line, 0)
        if not places:
            return made
        starts = [0, *accumulate(len(word) + 1 for word in made[:-1])]
        closer = set()
        for start, _, _ in places:
            at = bisect_right(starts, start) - 1
            # What begins in the space between two words is in neither.
            if start < starts[at] + len(made[at]):
                closer.add(at)
        safe = [self._redact(word) if at in closer else word for at, word in enumerate(made)]
        return self._together(safe, places if safe == made else None)

    def _named(self, words: Sequence[str]) -> list[str]:
        made, kind = [], None
        for word in words:
            if word.startswith("-") and "=" not in word:
                kind = self._kind_of(word)
            elif kind is not None:
                # "--token" and then the token.
                word, kind = (word if not word or PLACEHOLDER.fullmatch(word) else f"[REDACTED:{kind}]"), None
            made.append(word)
        return made

    def _kind_of(self, option: str) -> str | None:
        try:
            return self._options[option]
        except KeyError:
            kind = kind_of(option)
            if len(self._options) < REMEMBERED:
                self._options[option] = kind
            return kind

    def _together(self, words: list[str], places: list[tuple[int, int, str]] | None) -> list[str]:
        """``curl -u name:password``: no word of it says by itself that it is a secret."""
        scan = Scan(self._finder, places)
        line = " ".join(words)
        if scan.feed(line, last=True) == line:
            return words
        made, start = [], 0
        for word in words:
            made.append(_without(word, start, scan.taken))
            start += len(word) + 1
        return made


def _without(word: str, start: int, taken: Sequence[Taken]) -> str:
    """The word that begins at ``start`` of the line, with a placeholder for what was taken out of it there."""
    out: list[str] = []
    at, end = start, start + len(word)
    for one in taken:
        if one.start < end and one.end > at:
            out += (word[at - start : max(one.start, at) - start], one.placeholder)
            at = min(one.end, end)
    return "".join([*out, word[at - start :]])
