"""A text that comes in bits, put together again into whole sentences, lines and blocks of code."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

MOST_CHARACTERS = 400
"""Held at most: a longer sentence comes in parts, between words."""
LONGEST_S = 2.0
"""Held at most, while more comes."""

# A full stop ends no sentence behind these, nor behind one letter or a number ("1. First", "J. Doe").
_SHORT = re.compile(
    r"(?:^|[\s(\[*_\"'])(?:[^\W_]|\d+|e\.g|i\.e|etc|vs|cf|ca|approx|Dr|Mr|Mrs|Ms|Prof|St|No|Fig|z\.B|d\.h)\.$"
)
_END = re.compile(r"[.!?…:]+[\"')\]»”’*_`]*\s+|[。！？]+[」』”’]*\s*|\n+")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")


class Sentences:
    """Holds a text back until a sentence, a line of a list or a line of code is whole; nothing is lost or changed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held = ""
        self._since = 0.0
        self._fence = ""

    def feed(self, text: str) -> str:
        """What is whole now, ``""`` while nothing is."""
        now = self._clock()
        if not self._held:
            self._since = now
        self._held += text
        cut = self._cut()
        if not cut and (len(self._held) > MOST_CHARACTERS or now - self._since > LONGEST_S):
            cut = _between_words(self._held)
        if not self._held[:cut].strip():
            return ""
        whole, self._held = self._held[:cut], self._held[cut:]
        self._since = now
        self._look_for_fences(whole)
        return whole

    @property
    def holds(self) -> bool:
        """Whether anything is held."""
        return bool(self._held)

    def rest(self) -> str:
        """What is held, whole or not: no more comes."""
        rest, self._held = self._held, ""
        return rest

    def _cut(self) -> int:
        """Where the last whole sentence ends; in a block of code the last whole line."""
        if self._fence or _FENCE.match(self._held.rpartition("\n")[2]):
            return self._held.rfind("\n") + 1
        cut = 0
        for end in _END.finditer(self._held):
            # As many characters as it takes to know an abbreviation.
            words = self._held[max(end.start() - 24, 0) : end.end()].rstrip()
            if "\n" in end[0] or not _SHORT.search(words[-24:]):
                cut = end.end()
        return cut

    def _look_for_fences(self, whole: str) -> None:
        for line in whole.splitlines():
            found = _FENCE.match(line)
            if found is None:
                continue
            if not self._fence:
                self._fence = found[1]
            elif found[1].startswith(self._fence):
                self._fence = ""


def _between_words(text: str) -> int:
    """The place behind the last blank, or the whole text where it has none."""
    found = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
    return found or (len(text) if len(text) > MOST_CHARACTERS else 0)
