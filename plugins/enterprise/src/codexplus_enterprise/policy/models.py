"""Which models may be used: names, in which ``*`` stands for any text."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 20
"""Names that a refusal lists; a long list ends with how many more there are."""


def matches(pattern: str, name: str) -> bool:
    """Whether ``name`` is what ``pattern`` says, letter for letter; only ``*`` is special and stands for any text.

    Upper and lower case differ: what an upstream makes of another spelling is its own affair, and not what was allowed.
    """
    if "*" not in pattern:
        return pattern == name
    # Piece by piece and never back: a regular expression could be made to take for ever.
    first, *middle, last = pattern.split("*")
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


class Models:
    """A list of allowed models."""

    __slots__ = ("_known", "patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(dict.fromkeys(patterns))
        self._known: dict[str, bool] = {}

    def allows(self, name: str) -> bool:
        """Whether the model of this name may be used."""
        known = self._known.get(name)
        if known is None:
            known = any(matches(pattern, name) for pattern in self.patterns)
            if len(self._known) < 256:
                self._known[name] = known
        return known

    def __str__(self) -> str:
        """The list in words, as refusals print it."""
        more = len(self.patterns) - SHOWN
        shown = ", ".join(self.patterns[:SHOWN]) or "no model"
        return f"{shown} and {more} more" if more > 0 else shown

    def denial(self, name: str) -> str:
        """Why ``name`` is not allowed, without what to do about it."""
        what = f"The model {_visible(name)} is not one of them" if name else "The request names no model"
        return f"This workspace allows: {self}. {what}"

    def refusal(self, name: str, *, file: str = "") -> str:
        """What the user reads when ``name`` is not allowed; ``file`` is the command's that asks for it."""
        if file:
            # /model would change nothing: the command chooses anew each time.
            what = f"The model {_visible(name)}, which {file} asks for (model:), is not one of them"
            return f"This workspace allows: {self}. {what}; change it there, or ask your administrator."
        return f"{self.denial(name)}; choose another with /model or -m, or ask your administrator."


def _visible(name: str) -> str:
    """A name that somebody else wrote, without characters that a terminal would act on."""
    shown = "".join(sign if sign.isprintable() and sign not in '`"' else "?" for sign in name[:80])
    return f'"{shown}{"…" if len(name) > 80 else ""}"'
