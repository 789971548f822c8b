"""Codex's composer as it stands on the screen: what is typed, and what Codex offers for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from .screen import UNKNOWN, Screen, width_of

_PROMPT = "› "
_INDENT = "  "
_OFFER = re.compile(r"[› ] /([^\s/]+)(?:\s{2}.*)?$")
_POPUP_ROWS = 12


@dataclass(frozen=True, slots=True)
class Composer:
    """What the composer shows.

    ``first`` is the text of its first row, without the prompt and the blanks behind it, ``rows`` how many rows there
    are down to the cursor, ``at_end`` whether the cursor stands behind ``first``. ``offers`` are the names of the
    commands in Codex's own popup, ``queues`` is True where the Tab key hands the text in, ``mode`` is the mode that a
    composer with Vim's keys names.
    """

    first: str
    rows: int
    at_end: bool
    offers: tuple[str, ...] = ()
    queues: bool = False
    mode: str = ""

    @property
    def name(self) -> str:
        """The name behind the slash; empty where the text is no slash command."""
        words = self.first[1:].split(maxsplit=1) if self.first.startswith("/") else []
        return words[0] if words and not self.first[1].isspace() else ""

    @property
    def is_bare(self) -> bool:
        """Whether nothing stands behind the name."""
        return self.rows == 1 and self.first == f"/{self.name}"


def read(screen: Screen) -> Composer | None:
    """The composer that the cursor stands in; None where there is none, or not all of it is known."""
    cursor = screen.cursor
    if cursor is None:
        return None
    row, column = cursor
    found = _top(screen, row)
    if found is None or column < len(_INDENT):
        return None
    top, has_blank = found
    below = [screen.row(number).rstrip() for number in range(row + 1, screen.rows)]
    # In a text with empty lines the cursor might as well stand below the composer, in a search field: there is no more
    # than one block of text then.
    if has_blank and not any(not here and after for here, after in pairwise(below)):
        return None
    first = screen.row(top)[len(_PROMPT) :].rstrip()
    if UNKNOWN in first:
        return None
    above = [screen.row(number) for number in range(max(0, top - _POPUP_ROWS), top)]
    footer = " ".join(below)
    mode = re.search(r"\bVim: (\w+)", footer)
    return Composer(
        first,
        rows=row - top + 1,
        at_end=row == top and column == len(_PROMPT) + sum(map(width_of, first)),
        offers=_offers([*above, *below[:_POPUP_ROWS]]),
        queues="tab to queue" in footer,
        mode=mode[1] if mode else "",
    )


def _top(screen: Screen, row: int) -> tuple[int, bool] | None:
    has_blank = False
    for number in range(row, -1, -1):
        text = screen.row(number)
        if text.startswith(_PROMPT):
            return number, has_blank
        if not text.startswith(_INDENT):
            return None
        has_blank = has_blank or not text.strip()
    return None


def _offers(rows: list[str]) -> tuple[str, ...]:
    return tuple(found[1] for text in rows if (found := _OFFER.fullmatch(text.rstrip())))
