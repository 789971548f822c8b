"""Regular expressions as JavaScript writes them, in time that grows with the text only: no pattern can hang the proxy.

RE2 knows no looking ahead. At the beginning of a pattern, where people use it to leave something out (``^(?!Read).*``),
it is a question of its own and asked apart; elsewhere it is refused, as are back references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MEANT = frozenset("dDwWsSbBfnrtvx0")
_AHEAD = ("(?=", "(?!")
_NAMED = re.compile(r"\(\?<([A-Za-z_]\w*)>", re.ASCII)
_CODED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_BACK = re.compile(r"\\(?:[1-9]|k<)")
# What is escaped and whole classes are passed over; a class that is not closed reaches to the end.
_SIGN = re.compile(r"\\.?|\[(?:[^\]\\]|\\.?)*\]?|[()|]", re.DOTALL)
_MEMORY = 1 << 20


class BadPattern(Exception):
    """No regular expression, or one that cannot be held against anything in bounded time; the message says which."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern: at one place ``conditions`` hold (wanted or not), and ``body`` begins; ``anchored`` at the start."""

    body: Any
    conditions: tuple[tuple[bool, Any], ...] = ()
    anchored: bool = False

    def found_in(self, text: str) -> bool:
        """Whether the text has it anywhere."""
        # Half a character is in no name that is sent on.
        text = text.encode("utf-8", "replace").decode("utf-8")
        if not self.conditions:
            return self.body.search(text) is not None
        places = (0,) if self.anchored else range(len(text) + 1)
        return any(self._at(text, place) for place in places)

    def _at(self, text: str, place: int) -> bool:
        held = all((found.match(text, place) is not None) == wanted for wanted, found in self.conditions)
        return held and self.body.match(text, place) is not None


def read_javascript(source: str) -> Pattern:
    """The pattern that a text is. Raises BadPattern."""
    rest, conditions = source, []
    anchored = source.startswith("^")
    inner = source[1:] if anchored else source
    while inner.startswith(_AHEAD):
        end = _end_of_group(inner)
        conditions.append((inner[2] == "=", _compiled(inner[3:end])))
        rest = inner = inner[end + 1 :]
    if not conditions:
        return Pattern(_compiled(rest))
    if _has_alternatives(rest):
        # `^(?!a)b|c` has the condition in its first half only.
        raise BadPattern("looking ahead is understood only where `|` stands in parentheses")
    return Pattern(_compiled(rest), tuple(conditions), anchored)


def _compiled(source: str) -> Any:
    import re2  # type: ignore[import-untyped]  # here, because most matchers are plain names

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(_translated(source), options)
    except (re2.error, UnicodeEncodeError) as error:
        raise BadPattern(f"it is no regular expression ({error})") from None


def _translated(source: str) -> str:
    """The same for RE2, whose syntax has more than JavaScript's."""
    if _BACK.search(source):
        raise BadPattern("back references are not understood here")
    out: list[str] = []
    at, in_class = 0, False
    while at < len(source):
        char = source[at]
        if char == "\\":
            at, written = _escape(source, at)
        elif in_class:
            in_class = char != "]"
            # `[[:alpha:]]` is no class of letters in JavaScript.
            at, written = at + 1, "\\[" if char == "[" else char
        elif char == "[":
            at, written = _class(source, at)
            in_class = not written.endswith(")")
        elif source.startswith("(?", at):
            at, written = _group(source, at)
        else:
            at, written = at + 1, char
        out.append(written)
    return "".join(out)


def _escape(source: str, at: int) -> tuple[int, str]:
    following = source[at + 1 : at + 2]
    if not following:
        raise BadPattern("it ends in a backslash")
    coded = _CODED.match(source, at)
    if coded is not None:
        return coded.end(), f"\\x{{{coded[1]}}}"
    plain = following.isalpha() and following not in _MEANT
    return at + 2, following if plain else f"\\{following}"


def _class(source: str, at: int) -> tuple[int, str]:
    if source.startswith("[]", at):
        return at + 2, r"(?:[^\x00-\x{10FFFF}])"
    if source.startswith("[^]", at):
        return at + 3, "(?s:.)"
    return (at + 2, "[^") if source.startswith("[^", at) else (at + 1, "[")


def _group(source: str, at: int) -> tuple[int, str]:
    if source.startswith("(?:", at):
        return at + 3, "(?:"
    named = _NAMED.match(source, at)
    if named is not None:
        return named.end(), f"(?P<{named[1]}>"
    if source.startswith((*_AHEAD, "(?<=", "(?<!"), at):
        raise BadPattern("looking ahead or behind is understood at the beginning only")
    raise BadPattern("it is no regular expression of JavaScript, which has no flags in parentheses")


def _end_of_group(source: str) -> int:
    """Where the group that a text begins with ends."""
    for at, char, depth in _signs(source):
        if char == ")" and depth == 0:
            return at
    raise BadPattern("a parenthesis is not closed")


def _has_alternatives(source: str) -> bool:
    """Whether a ``|`` stands outside of all parentheses."""
    return any(char == "|" and depth == 0 for _, char, depth in _signs(source))


def _signs(source: str) -> Iterator[tuple[int, str, int]]:
    """Each parenthesis and ``|`` that is one, with its place and how many parentheses are open behind it."""
    depth = 0
    for found in _SIGN.finditer(source):
        if found[0] in "()|":
            depth += {"(": 1, ")": -1, "|": 0}[found[0]]
            yield found.start(), found[0], depth
