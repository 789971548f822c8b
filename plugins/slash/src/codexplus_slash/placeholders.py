"""The places in a command's body where arguments go: ``$ARGUMENTS``, ``$1``, ``$ARGUMENTS[1]``, ``$issue``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .words import words

# `$0.50` is a price; the rest is as observed: `$1y` and `$1_a` are no places, `$1-b` is one, `$01` is `$1`.
_ZERO_BASED = re.compile(r"(?<!\\)(?:\\\\)*\$(?:0(?![A-Za-z0-9_]|\.[0-9])|ARGUMENTS\[[0-9]+\])")
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Value:
    """What goes into a place.

    ``typed`` is False for what comes from us (a path) and for text of the file that only lost its backslash
    (``literal``).
    """

    text: str
    typed: bool = True
    literal: bool = False


class Placeholders:
    """The places that one invocation of one command knows, and their values.

    ``$1`` is the first argument unless the body is written for Claude Code's numbers, which begin at 0: it uses ``$0``
    or ``$ARGUMENTS[n]``, or the profile is strict. A number without an argument stays as it stands.
    """

    def __init__(
        self,
        body: str,
        raw: str,
        *,
        names: Sequence[str] = (),
        strict: bool = False,
        session_id: str = "",
        project_dir: Path | None = None,
        skill_dir: Path | None = None,
        plugin_root: Path | None = None,
    ) -> None:
        self._raw = raw
        # Split when somebody asks: most commands put the text in as it is, and it may be a long one.
        self._words: list[str] | None = None
        self._typed: tuple[str, ...] | None = None
        self._first = 0 if strict or _ZERO_BASED.search(body) else 1
        self._strict = strict
        self._names = {name: number for number, name in reversed(list(enumerate(names)))}
        given = {
            "CLAUDE_SESSION_ID": session_id,
            "CLAUDE_PROJECT_DIR": project_dir,
            "CLAUDE_SKILL_DIR": skill_dir,
            "CLAUDE_PLUGIN_ROOT": plugin_root,
        }
        self._variables = {f"${{{name}}}": str(value) for name, value in given.items() if value}
        named = "|".join(re.escape(name) for name in sorted(self._names, key=len, reverse=True))
        self.pattern = re.compile(
            r"(?<!\\)(?P<slashes>\\*)(?P<place>\$(?:"
            + (rf"(?P<name>{named})(?![\[A-Za-z0-9_])|" if named else "")
            + r"ARGUMENTS\[(?P<index>[0-9]+)\]|(?P<number>[0-9]+)(?![A-Za-z0-9_])|(?P<all>ARGUMENTS)))"
            + (f"|(?P<variable>{'|'.join(map(re.escape, self._variables))})" if self._variables else "")
        )

    def value(self, found: re.Match[str]) -> Value | None:
        """What goes in place of a match of ``pattern``; None where it stays as it is."""
        groups = found.groupdict()
        if groups.get("variable"):
            return Value(self._variables[found[0]], typed=False)
        slashes = found["slashes"]
        if len(slashes) % 2:
            return Value(slashes[1:] + found["place"], typed=False, literal=True)
        if groups.get("name"):
            return Value(self._word(self._names[groups["name"]]) or "")
        if found["all"]:
            return Value(self._raw)
        index = self._word(int(found["index"])) if found["index"] and len(found["index"]) <= _DIGITS else None
        number = found["number"]
        if number and len(number) <= _DIGITS:
            index = self._word(int(number) - self._first)
        return None if index is None else Value(index)

    def shown(self, text: str) -> str:
        """A typed value as it goes into text for the model: Claude Code defuses what looks like an inclusion."""
        return text.replace("!`", "\\! `") if self._strict else text

    def parts(self, found: re.Match[str]) -> tuple[str, ...] | None:
        """The words that ``$ARGUMENTS`` is in a shell's text, None for a match of anything else."""
        if not found["all"]:
            return None
        if self._typed is None:
            self._typed = tuple(words(self._raw))
        return self._typed

    def _word(self, number: int) -> str | None:
        if self._words is None:
            self._words = words(self._raw, strict=self._strict)
        return self._words[number] if 0 <= number < len(self._words) else None
