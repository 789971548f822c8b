"""Values put into the text of a shell command, each as the words that it is and never as syntax.

A placeholder is filled by the quotes that it stands in. Where a shell's grammar is not plain enough to be sure about
them (a here document, backticks, arithmetic, ``case`` inside of ``$( )``) nothing is filled in: CannotQuote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .placeholders import Placeholders, Value

LONGEST = 100_000
"""Characters of a command; Linux takes no longer argument than 128 KB."""
_SAFE = re.compile(r"[A-Za-z0-9_@%+:./-]+")
_RESERVED = frozenset(
    re.findall(
        r"\w+",
        "if then else elif fi do done case esac while until for in function select time coproc declare typeset",
    )
)
_BEFORE = frozenset(" \t\n;|&(/=:.-@%+")
_AFTER = frozenset(" \t\n;|&)/:.-@%+")
# An array's index in arithmetic is evaluated like a program, and a here document has quotes of its own.
_UNPLAIN = (("<<", "a here document"), ("((", "arithmetic"), ("[[", "`[[ ]]`"))
_OPERATORS = frozenset(";&|()<>\n")
_SIMPLE_BRACES = re.compile(r"\$\{[#!]?\w+(?:[:%#/+=?,^-]+[\w ./:*@%,-]*)?\}", re.ASCII)
_SIMPLE_SUM = re.compile(r"\$\(\([\w\s+*/%-]*\)\)", re.ASCII)
_SIMPLE_TICKS = re.compile(r"`[\w\s./:=@%+,-]*`", re.ASCII)
_NAME_BEFORE = re.compile(r"\$\w*\Z", re.ASCII)
_ASSIGNS = re.compile(r"\w+\+?=")

Inside = Literal["plain", "double", "single"]


class CannotQuote(Exception):
    """A placeholder whose value cannot be quoted where it stands; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its values in it: ``text``; ``options`` are typed words that stand where an option would.

    ``typed`` is True where any typed value is in it, ``touched`` where a place was filled, ``program`` where what was
    typed is the name of the program, part of it, or a variable's value before it.
    """

    text: str
    options: tuple[str, ...]
    typed: bool
    touched: bool
    program: bool = False


def filled(template: str, places: Placeholders) -> Filled:
    """A template for a POSIX shell with its values. Raises CannotQuote."""
    reader = _Reader(template, places)
    return Filled(reader.text, tuple(reader.options), reader.typed, reader.touched, reader.program)


class _Reader:
    """Reads a template as a shell does, as far as it takes to know what each place stands in."""

    def __init__(self, template: str, places: Placeholders) -> None:
        self.options: list[str] = []
        self.typed = False
        self.touched = False
        self.program = False
        self._template = template
        self._places = places
        self._out: list[str] = []
        self._length = len(template)
        self._stack: list[Inside] = ["plain"]
        # Where each `$(` began to count its parentheses.
        self._depths: list[int] = []
        self._depth = 0
        # The word that is being read, whether it has begun (quotes do that, too), and whether `--` came before it.
        self._word = ""
        self._begun = False
        self._after_dashes = False
        # Whether the word names a program, or stands before the one that does; for each `$(` the same outside of it.
        self._first = True
        self._firsts: list[bool] = []
        self._redirected = False
        self._unsure = ""
        # Where the character after a dollar sign of its own stands.
        self._after_dollar = -1
        position = 0
        while position < len(template):
            position = self._step(position)
        self.text = "".join(self._out)

    def _step(self, position: int) -> int:
        found = self._places.pattern.match(self._template, position)
        if found is not None:
            value = self._places.value(found)
            if value is not None:
                self._fill(found, value)
                return found.end()
            self._put(found[0])
            return found.end()
        inside = self._stack[-1]
        if inside == "single":
            return self._in_single(position)
        if inside == "double":
            return self._in_double(position)
        return self._in_plain(position)

    def _put(self, text: str, *, part_of_word: bool = True) -> None:
        self._out.append(text)
        self._begun = True
        if part_of_word:
            self._word += text

    def _in_single(self, position: int) -> int:
        char = self._template[position]
        self._put(char, part_of_word=char != "'")
        if char == "'":
            self._stack.pop()
        return position + 1

    def _in_double(self, position: int) -> int:
        char = self._template[position]
        if char == "\\":
            if self._after_dollar == position and self._template.startswith("\n", position + 1):
                self._doubt("a line that goes on after a dollar sign")
            self._put(self._template[position : position + 2])
            return position + 2
        if char in "$`":
            return self._expansion(position)
        self._put(char, part_of_word=char != '"')
        if char == '"':
            self._stack.pop()
        return position + 1

    def _in_plain(self, position: int) -> int:
        template, char = self._template, self._template[position]
        if template.startswith("\\\n", position):
            # A shell takes it away before it looks for words and signs, which may then grow together.
            if self._begun or template[position - 1 : position] not in ("", " ", "\t", "\n"):
                self._doubt("a line that goes on in the middle of a word")
            self._out.append("\\\n")
            return position + 2
        if char == "\\":
            self._put(template[position : position + 2])
            return position + 2
        if char in "$`":
            return self._expansion(position)
        if char == "#" and not self._begun:
            return self._comment(position)
        if char in "'\"":
            self._stack.append("single" if char == "'" else "double")
            self._put(char, part_of_word=False)
            return position + 1
        if template.startswith("<<<", position):
            self._end_word()
            self._out.append("<<<")
            return position + 3
        for sign, what in _UNPLAIN:
            if template.startswith(sign, position):
                self._doubt(what)
        if char in " \t" or char in _OPERATORS:
            self._end_word()
            self._out.append(char)
            if char in "<>":
                self._redirected = True
            elif char in _OPERATORS and not (char == "&" and template[position - 1 : position] in ("<", ">")):
                self._after_dashes = self._redirected = False
                self._first = True
            self._count(char)
            return position + 1
        self._put(char)
        return position + 1

    def _end_word(self) -> None:
        if self._word == "--":
            self._after_dashes = True
        if self._word == "case" and self._depths:
            self._doubt("`case` inside of `$( )`")
        if self._begun and self._redirected:
            self._redirected = False
        elif self._begun and not self._word.isdigit():
            before = self._word in _RESERVED or self._word in ("!", "{") or _ASSIGNS.match(self._word)
            self._first = self._first and bool(before)
        self._word = ""
        self._begun = False

    def _count(self, char: str) -> None:
        if char == "(":
            self._depth += 1
        elif char == ")":
            if self._depths and self._depth == self._depths[-1]:
                self._depths.pop()
                self._stack.pop()
                self._word = ")"
                self._begun = True
                self._first = self._firsts.pop()
            self._depth = max(self._depth - 1, 0)

    def _comment(self, position: int) -> int:
        # No value is put into a comment: it could end the line, and nobody reads it there.
        if self._depths:
            self._doubt("a comment inside of `$( )`")
        end = self._template.find("\n", position)
        end = len(self._template) if end < 0 else end
        self._out.append(self._template[position:end])
        return end

    def _expansion(self, position: int) -> int:
        """Step over what a dollar sign or a backtick begins."""
        template = self._template
        if template.startswith("$((", position):
            return self._whole(_SIMPLE_SUM, position, "arithmetic")
        if template.startswith("$(", position):
            self._out.append("$(")
            self._stack.append("plain")
            self._depth += 1
            self._depths.append(self._depth)
            self._firsts.append(self._first)
            self._first = True
            self._word = ""
            self._begun = False
            return position + 2
        if template.startswith("${", position):
            return self._whole(_SIMPLE_BRACES, position, "`${ }`")
        if template.startswith("`", position):
            return self._whole(_SIMPLE_TICKS, position, "backticks")
        if template.startswith("$'", position) and self._stack[-1] == "plain":
            self._doubt("`$' '`")
        self._put("$")
        self._after_dollar = position + 1
        return position + 1

    def _whole(self, pattern: re.Pattern[str], position: int, what: str) -> int:
        found = pattern.match(self._template, position)
        if found is None or self._places.pattern.search(found[0]) is not None:
            self._doubt(what)
            self._put(self._template[position])
            return position + 1
        self._put(found[0])
        return found.end()

    def _doubt(self, what: str) -> None:
        self._unsure = self._unsure or what

    def _fill(self, found: re.Match[str], value: Value) -> None:
        self.touched = True
        place = found[0]
        if value.literal:
            self._put(value.text)
            return
        if self._unsure:
            raise CannotQuote(f"{place} stands in or after {self._unsure}, where no argument can be quoted")
        if "\0" in value.text:
            raise CannotQuote(f"the value of {place} holds a NUL character, which no command can be given")
        self.typed = self.typed or value.typed
        self.program = self.program or (value.typed and self._first and not self._redirected)
        self._length += len(value.text)
        if self._length > LONGEST:
            raise CannotQuote(f"with the value of {place} the command is longer than {LONGEST} characters; type less")
        self._put(found.groupdict()["slashes"] or "")
        inside = self._stack[-1]
        before = "".join(self._out[-80:])
        if self._after_dollar == found.start():
            raise CannotQuote(f"{place} follows a dollar sign, which would make it the name of a variable")
        several = self._places.parts(found) if inside == "plain" else None
        parts = (value.text,) if several is None else several or ("",)
        self._note_option(parts, value)
        if inside == "single":
            self._put(value.text.replace("'", "'\\''"))
        elif inside == "double":
            apart = '""' if _NAME_BEFORE.search(before) else ""
            self._put(apart + re.sub(r'([\\"$`])', r"\\\1", value.text))
        else:
            self._put(" ".join(self._quoted(part, before, found.end()) for part in parts))

    def _quoted(self, word: str, before: str, end: int) -> str:
        after = self._template[end : end + 1]
        if not word and not (before[-1:] + after).strip(" \t\n;|&()"):
            # Nothing was given for a place of its own.
            return ""
        plain = (
            _SAFE.fullmatch(word) is not None
            and word not in _RESERVED
            and (not before or before[-1] in _BEFORE)
            and (not after or after in _AFTER)
            and "{" not in self._template
        )
        return word if plain else "'" + word.replace("'", "'\\''") + "'"

    def _note_option(self, parts: tuple[str, ...], value: Value) -> None:
        if not value.typed or self._after_dashes:
            return
        # A part after the first is a word of its own; the first continues what the template began.
        begun = [] if self._word else list(parts[:1])
        self.options += [part for part in (*begun, *parts[1:]) if part.startswith("-")]
