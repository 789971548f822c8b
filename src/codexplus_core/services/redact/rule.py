"""What one kind of secret looks like: a literal anchor, what follows it, and where it ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .pieces import NEVER, NOTHING, Piece, either, exactly, maybe, row, some

ALNUM = "A-Za-z0-9"
WORD = r"A-Za-z0-9_\-"
HEX = "0-9a-f"

LOOK_BACK = 256
"""Characters before an anchor that a rule may look at."""

_EDGE = re.compile(r"(?:\\+[nrtbfv0]|%[0-9A-Fa-f]{2}|\\+u[0-9A-Fa-f]{4}|\\+x[0-9A-Fa-f]{2}|\x1b\[[0-9;]{0,16}m)\Z")


@dataclass(frozen=True, eq=False)
class Tail:
    """How a secret goes on once it is known to be one, without end: ``unit`` again and again, then maybe ``close``."""

    unit: Piece
    close: Piece | None = None

    @cached_property
    def goes_on(self) -> re.Pattern[str]:
        """All units, where no more text comes."""
        return re.compile(f"(?:{self.unit.whole})*+", re.ASCII)

    @cached_property
    def comes(self) -> re.Pattern[str]:
        """All units that more text would not change."""
        return re.compile(f"(?:(?!{self.unit.begun(NEVER)}){self.unit.whole})*+", re.ASCII)

    @cached_property
    def breaks_off(self) -> re.Pattern[str]:
        """The text ends within a unit or within the close."""
        last = self.unit if self.close is None else either(self.unit, self.close)
        return re.compile(last.begun(NEVER), re.ASCII)

    @cached_property
    def closes(self) -> re.Pattern[str]:
        """What belongs to the secret after its units."""
        return re.compile(self.close.whole if self.close else "", re.ASCII)


class Found(NamedTuple):
    """A match that its rule may still decline: ``text[start:secret]`` stays and ``text[secret:end]`` would go.

    ``floor`` is where the last redaction ended: what is before it counts as gone. ``lead_end`` is where the lead ends.
    """

    text: str
    floor: int
    start: int
    anchor: str
    lead_end: int
    secret: int
    end: int

    @property
    def value(self) -> str:
        """What would go, without its tail."""
        return self.text[self.secret : self.end]

    @property
    def lead(self) -> str:
        """What the lead took, after the anchor."""
        return self.text[self.start + len(self.anchor) : self.lead_end]


@dataclass(frozen=True, eq=False)
class Form:
    """One way that a secret is written: ``opening`` (in any case of letters) stays, ``secret`` and its ``tail`` go.

    ``check`` says whether what was found is one; ``stays`` is the end of the secret that is put back.
    """

    secret: Piece
    tail: Tail | None = None
    opening: Piece = NOTHING
    check: Callable[[Found], bool] | None = None
    stays: str = ""

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """The opening and the secret, the latter as the group ``secret``."""
        return re.compile(f"(?i:{self.opening.whole})(?P<secret>{self.secret.whole})", re.ASCII)

    @cached_property
    def begun(self) -> re.Pattern[str]:
        """The same where the text breaks off before it is decided."""
        flags = re.ASCII if self.opening is NOTHING else re.ASCII | re.IGNORECASE
        return re.compile(row(self.opening, self.secret).begun(NEVER), flags)

    @property
    def longest(self) -> int:
        """Most characters that are looked at."""
        return self.opening.longest + self.secret.longest


@dataclass(frozen=True, eq=False)
class Rule:
    """A kind of secret. A match begins with one of ``anchors`` (lower-case and in any case where ``folded``).

    The anchor is part of the secret unless there is a ``lead``: then anchor and lead stay. ``before`` says whether the
    text up to the anchor allows one there (arguments: text, floor, start).
    """

    kind: str
    anchors: tuple[str, ...]
    forms: tuple[Form, ...]
    lead: Piece | None = None
    folded: bool = False
    before: Callable[[str, int, int], bool] | None = None

    def allowed(self, text: str, floor: int, start: int) -> bool:
        """Whether the anchor may stand there."""
        return self.before is None or self.before(text, floor, start)

    @cached_property
    def led(self) -> re.Pattern[str]:
        """The lead."""
        return re.compile((self.lead or NOTHING).whole, re.ASCII | re.IGNORECASE)

    @cached_property
    def lead_begun(self) -> re.Pattern[str]:
        """The lead where the text breaks off within it."""
        return re.compile((self.lead or NOTHING).begun(NEVER), re.ASCII | re.IGNORECASE)

    @cached_property
    def longest(self) -> int:
        """Most characters after the start of the anchor that decide about a match; a tail decides nothing."""
        lead = 0 if self.lead is None else self.lead.longest
        return max(map(len, self.anchors)) + lead + max(form.longest for form in self.forms)


def apart(text: str, floor: int, start: int) -> bool:
    """No letter or digit stands right before, unless it belongs to an escape such as ``\\n``, ``%3D`` or a colour."""
    if start <= floor:
        return True
    previous = text[start - 1]
    if not (previous.isascii() and previous.isalnum()):
        return True
    return _EDGE.search(text[max(floor, start - 24) : start]) is not None


def mixed(found: Found) -> bool:
    """Not only lower-case words and dashes, as a name of a project is."""
    body = found.text[found.start + len(found.anchor) : found.end]
    return any(character.isdigit() or character.isupper() for character in body)


def token(
    kind: str,
    anchors: str,
    least: int,
    characters: str = WORD,
    *,
    dotted: bool = False,
) -> Rule:
    """A kind whose secrets are an anchor and at least so many characters of a class; ``dotted`` has dots within."""
    unit = some(characters, 1, 1)
    if dotted:
        # The dot at the end of a sentence is not the token's.
        unit = row(maybe(exactly(".")), unit)
        characters += "."
    form = Form(some(characters, least, least), Tail(unit), check=mixed)
    return Rule(kind, tuple(anchors.split()), (form,), before=apart)
