"""All rules together: where in a text a secret may begin."""

from __future__ import annotations

from .anchors import Anchor, Anchors
from .assignments import assignment_rules
from .commands import command_rules
from .context import context_rules
from .plausible import MARK
from .rule import Rule
from .tokens import token_rules

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Finder:
    """The rules, and a quick look for their anchors."""

    def __init__(self) -> None:
        # A name's value first: it may hold more than the token in it.
        self.rules = (*assignment_rules(), *context_rules(), *command_rules(), *token_rules())
        every = [(anchor, number, rule) for number, rule in enumerate(self.rules) for anchor in rule.anchors]
        anchors = (Anchor(anchor, number, rule.folded) for anchor, number, rule in every)
        self._anchors = Anchors((Anchor(MARK, -1, folded=False), *anchors))
        self.longest_anchor = max(len(MARK), *(len(anchor) for anchor, _, _ in every))
        self._begun = _beginnings([(anchor, rule) for anchor, _, rule in every if not rule.folded])
        self._begun_folded = _beginnings([(anchor, rule) for anchor, _, rule in every if rule.folded])

    def places(self, text: str, at: int) -> list[tuple[int, int, str]]:
        """Every anchor from ``at`` on, in order: its place, its rule's number (-1 for a placeholder) and itself."""
        return self._anchors.places(text, at)

    def begun(self, text: str, at: int, floor: int) -> int:
        """Where the text breaks off within an anchor, at the earliest; its length where it does not."""
        end = len(text)
        first = max(at, end - self.longest_anchor + 1)
        window = text[first:]
        low = _lower(window)
        for skip in range(len(window)):
            rest = window[skip:]
            rules = self._begun.get(rest, ()) + self._begun_folded.get(low[skip:], ())
            if MARK.startswith(rest) or any(rule.allowed(text, floor, first + skip) for rule in rules):
                return first + skip
        return end


def _beginnings(anchors: list[tuple[str, Rule]]) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, tuple[Rule, ...]] = {}
    for anchor, rule in anchors:
        for length in range(1, len(anchor)):
            known = found.get(anchor[:length], ())
            # Rules that ask the same of what is before are one for this.
            if not any(other.before is rule.before for other in known):
                found[anchor[:length]] = (*known, rule)
    return found


def _lower(text: str) -> str:
    """The text with A to Z in lower case; other letters may change their length."""
    return text.lower() if text.isascii() else text.translate(_LOWER)
