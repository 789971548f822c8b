"""The user's own patterns, on an engine that takes linear time whatever the pattern is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from .plausible import PLACEHOLDER

MAX_LENGTH = 1000
"""Characters of a pattern."""

MAX_LINE = 16384
"""Characters of a line that are looked at together; a longer line is cut there, between words where it has any."""

_KIND = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LAST_WORD = 1024
_SURROGATE = re.compile("[\ud800-\udfff]")
# Neither a letter nor a space: what a pattern finds in the place of a placeholder.
_STAND_IN = "\ufffc"


class UserPattern(NamedTuple):
    """A regular expression (RE2 syntax) for what is secret here; ``source`` names the file and key it comes from."""

    kind: str
    pattern: str
    source: str = "redact.patterns"
    managed: bool = False
    """Whether it is the administrator's."""


class Patterns:
    """Those of the patterns that can be used; ``problems`` says what is wrong with each of the others."""

    def __init__(self, entries: Iterable[UserPattern]) -> None:
        usable, problems = [], []
        for entry in entries:
            try:
                usable.append((entry.kind, _compiled(entry)))
            except _BadPattern as bad:
                problems.append(f"{entry.source}: {bad}; the pattern is left out")
        self._usable: tuple[tuple[str, Any], ...] = tuple(usable)
        self.problems: tuple[str, ...] = tuple(problems)

    def __bool__(self) -> bool:
        return bool(self._usable)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the usable ones."""
        return tuple(kind for kind, _ in self._usable)

    def replace(self, text: str) -> str:
        """The text, each line for itself, without what they match."""
        return PatternStream(self).feed(text, last=True) if self._usable else text

    def line(self, text: str) -> str:
        """One line, or a part of a long one."""
        for kind, pattern in self._usable:
            text = _without(text, pattern, f"[REDACTED:{kind}]")
        return text


class PatternStream:
    """One text on its way; a line leaves when it is whole, because RE2 cannot say what may still match."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._rest = ""

    def feed(self, more: str, *, last: bool = False) -> str:
        """Take more text; return what is decided: lines that are whole."""
        if not self._patterns:
            return more
        out: list[str] = []
        *lines, self._rest = (self._rest + more).split("\n")
        for line in lines:
            out += (self._patterns.line(self._without_beginning(line, out)), "\n")
        self._rest = self._without_beginning(self._rest, out)
        if last:
            out.append(self._patterns.line(self._rest))
            self._rest = ""
        return "".join(out)

    def _without_beginning(self, line: str, out: list[str]) -> str:
        """Let the parts of a line go that is too long; return its last part."""
        while len(line) > MAX_LINE:
            space = max(line.rfind(sign, MAX_LINE - _LAST_WORD, MAX_LINE) for sign in " \t,;")
            cut = space + 1 or MAX_LINE
            out.append(self._patterns.line(line[:cut]))
            line = line[cut:]
        return line


class _BadPattern(ValueError):
    pass


def _compiled(entry: UserPattern) -> Any:
    try:
        import re2  # type: ignore[import-untyped]  # here, because few people have patterns of their own
    except ImportError:
        raise _BadPattern(f"{entry.kind}: google-re2 cannot be loaded; install it with pip") from None

    if not isinstance(entry.kind, str) or not _KIND.fullmatch(entry.kind):
        raise _BadPattern(f"the kind {entry.kind!r} must be 1 to 40 of a-z, 0-9, - and _")
    if not isinstance(entry.pattern, str) or not 0 < len(entry.pattern) <= MAX_LENGTH:
        raise _BadPattern(f"{entry.kind}: the pattern must be text of 1 to {MAX_LENGTH} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(entry.pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else "it is no valid text"
        raise _BadPattern(f"{entry.kind}: RE2 does not take the pattern: {why}") from None


def _without(text: str, pattern: Any, placeholder: str) -> str:
    marks = [match.span() for match in PLACEHOLDER.finditer(text)]
    shadow = _SURROGATE.sub("\ufffd", PLACEHOLDER.sub(_STAND_IN, text) if marks else text)
    spans = [match.span() for match in pattern.finditer(shadow)]
    out: list[str] = []
    at = 0
    for start, end in spans:
        if start == end or not shadow[start:end].strip(_STAND_IN):
            continue
        first, last = _place(start, marks), _place(end, marks)
        out += (text[at:first], placeholder)
        at = last
    return "".join([*out, text[at:]]) if out else text


def _place(shadow: int, marks: list[tuple[int, int]]) -> int:
    """The place in the text that a place in its shadow stands for."""
    for start, end in marks:
        if start >= shadow:
            break
        shadow += end - start - 1
    return shadow
