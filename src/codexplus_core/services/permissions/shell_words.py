"""The part of the shell's language that can be judged: plain words, quotes, four joints and harmless redirections.

Read by POSIX's own rules, byte for byte: whatever is not listed here makes the text unclear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .shell_characters import odd_character

LONGEST = 4096
MOST_COMMANDS = 32

_OPERATOR = re.compile(r"&&|\|\||\|&|[|;\n]")
_REDIRECT = re.compile(r"(\d*)(&>>|&>|<<<|<<|<>|<&|>>|>&|>\||<|>)")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./^#~\-\ue000-\uf8ff]+")
_DOUBLE = re.compile(r'"((?:[^"\\$`]|\\[^\n])*)"')
_PROGRAM = re.compile(r"[A-Za-z0-9_./\ue000-\uf8ff][A-Za-z0-9_.,/+@:%\-\ue000-\uf8ff]*")
_UNQUOTED = re.compile(r"[A-Za-z0-9_@%+:,./\-][A-Za-z0-9_@%+=:,./\-]*")
RESERVED_WORDS = """
    ! { } [[ ]] case coproc do done elif else esac fi for function if in select then time until while
"""
RESERVED = frozenset(RESERVED_WORDS.split())
_WHY = {
    "$": "an expansion ($)",
    "`": "a command substitution",
    "*": "a file pattern (*)",
    "?": "a file pattern (?)",
    "[": "a file pattern ([)",
    "]": "a file pattern (])",
    "{": "braces",
    "}": "braces",
    "(": "a subshell or function",
    ")": "a subshell or function",
    "!": "a negation (!)",
    "&": "a background command (&)",
}


class Odd(Exception):
    """The text is more than can be judged; the message says what it holds."""


@dataclass(frozen=True, slots=True)
class Word:
    """One argument: what the program gets, and where it stands in the text."""

    value: str
    start: int
    end: int
    plain: bool
    """No part of it is quoted."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirection: ``text`` is how it is written again, ``target`` the file it writes, None for harmless ones."""

    text: str
    target: str | None
    append: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Operator:
    """What joins two commands."""

    text: str
    start: int
    end: int


Token = Word | Redirect | Operator


@dataclass(frozen=True, slots=True)
class Simple:
    """One simple command and what joins it to the next: ``&&``, ``||``, ``|``, ``|&``, ``;`` or nothing."""

    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]
    joint: str

    @property
    def argv(self) -> tuple[str, ...]:
        """The program and its arguments."""
        return tuple(word.value for word in self.words)


def quoted(word: str) -> str:
    """``word`` so that every shell reads it back as one word of the same characters."""
    if _UNQUOTED.fullmatch(word) and word not in RESERVED:
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def tokens_of(text: str, *, marks: bool = False) -> list[Token]:
    """The tokens of ``text`` in order. Raises Odd for everything beyond the part that can be judged.

    ``marks`` lets private-use characters pass as parts of words.
    """
    if len(text) > LONGEST:
        raise Odd(f"it is longer than {LONGEST} characters")
    why = odd_character(text, marks=marks)
    if why:
        raise Odd(why)
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
            continue
        if text[at] == "#" and _begins_a_line(tokens):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        token: Token
        if found := _REDIRECT.match(text, at):
            token = _redirect(text, at, found)
        elif found := _OPERATOR.match(text, at):
            token = Operator(found[0], at, found.end())
        else:
            token = _word(text, at)
        tokens.append(token)
        at = token.end
    return tokens


def _begins_a_line(tokens: list[Token]) -> bool:
    # A comment of its own line is one to every shell that is not typed into; behind a command it stays odd.
    last = tokens[-1] if tokens else None
    return last is None or (isinstance(last, Operator) and last.text == "\n")


def _redirect(text: str, start: int, found: re.Match[str]) -> Redirect:
    number, operator = found.groups()
    if operator == ">&":
        copied = re.compile(r"[12](?![^\s;|&])").match(text, found.end())
        if number not in ("", "1", "2") or copied is None:
            raise Odd("a redirection to another descriptor")
        return Redirect(f"{number}>&{copied[0]}", None, False, start, copied.end())
    numbers = {">": ("", "1", "2"), ">>": ("", "1", "2"), "<": ("", "0"), "&>": ("",), "&>>": ("",)}
    if number not in numbers.get(operator, ()):
        raise Odd("a here-document" if operator.startswith("<<") else f"the redirection {found[0]}")
    at = found.end()
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    if text[at : at + 1] in ("", "\n", ";", "|", "&", "<", ">", "("):
        raise Odd(f"the redirection {found[0]} without a plain file name")
    target = _word(text, at)
    if target.plain and target.value.isdigit() and text[target.end : target.end + 1] in ("<", ">"):
        # `>1>x`: the digits belong to the second redirection, and the first one has no file.
        raise Odd(f"the redirection {found[0]} without a plain file name")
    both = operator.startswith("&")
    append = operator.endswith(">>")
    harmless = target.value == "/dev/null"
    if not harmless and (operator == "<" or not target.value or target.value.startswith("/dev/")):
        raise Odd(f"the redirection {found[0]} {target.value}")
    written = f"{number}{operator.lstrip('&')}{quoted(target.value)}" + (" 2>&1" if both else "")
    return Redirect(written, None if harmless else target.value, append, start, target.end)


def _word(text: str, start: int) -> Word:
    parts: list[str] = []
    at, plain = start, True
    while at < len(text):
        character = text[at]
        if found := _PLAIN.match(text, at):
            _refuse_tilde_and_comment(found[0], at == start)
            parts.append(found[0])
            at = found.end()
        elif character == "'":
            end = text.find("'", at + 1)
            if end < 0:
                raise Odd("a quote that is not closed")
            parts.append(text[at + 1 : end])
            at, plain = end + 1, False
        elif character == '"':
            closed = _DOUBLE.match(text, at)
            if closed is None:
                raise Odd("an expansion or a line continuation in double quotes, or a quote that is not closed")
            parts.append(re.sub(r'\\([\\"$`])', r"\1", closed[1]))
            at, plain = closed.end(), False
        elif character == "\\":
            if not re.compile(r"[\x20-\x7e\ue000-\uf8ff]").match(text, at + 1):
                raise Odd("a line continuation, or a backslash before a character that needs none")
            parts.append(text[at + 1])
            at, plain = at + 2, False
        elif character in " \t\n;|&<>":
            break
        else:
            raise Odd(_WHY.get(character, f"the unquoted character {character!r}"))
    if at == start:
        raise Odd(_WHY.get(text[at], f"an unexpected {text[at]!r}"))
    return Word("".join(parts), start, at, plain)


def _refuse_tilde_and_comment(run: str, first: bool) -> None:
    # A shell may expand a tilde at the beginning of a word and, in what looks like an assignment, after = and :.
    if (first and run[0] == "~") or "=~" in run or ":~" in run:
        raise Odd("a tilde (~)")
    if first and run[0] == "#":
        raise Odd("a comment (#)")


def commands_of(tokens: list[Token], *, any_program: bool = False) -> list[Simple]:
    """The simple commands that the tokens make. Raises Odd.

    ``any_program`` is for patterns, where a word of the shell's own (``time``) may stand for a program.
    """
    found: list[Simple] = []
    words: list[Word] = []
    redirects: list[Redirect] = []
    waiting = False

    def close(joint: str) -> None:
        if not words:
            raise Odd("a redirection without a command" if redirects else f"nothing before {joint!r}")
        _refuse_program(words[0].value, reserved=any_program)
        found.append(Simple(tuple(words), tuple(redirects), joint))
        words.clear()
        redirects.clear()
        if len(found) > MOST_COMMANDS:
            raise Odd(f"it has more than {MOST_COMMANDS} commands")

    for token in tokens:
        if isinstance(token, Word):
            words.append(token)
            waiting = False
        elif isinstance(token, Redirect):
            redirects.append(token)
            waiting = False
        elif token.text == "\n":
            if words or redirects:
                close(";")
        else:
            close(token.text)
            waiting = token.text != ";"
    if words or redirects:
        close("")
    elif waiting or not found:
        raise Odd("nothing after the last operator" if found else "it is empty")
    return found


def _refuse_program(name: str, *, reserved: bool) -> None:
    if name in RESERVED and not reserved:
        raise Odd(f"the shell's own word {name!r} in place of a program")
    if "=" in name:
        raise Odd("an assignment before the command")
    if not _PROGRAM.fullmatch(name):
        raise Odd(f"a program with an unusual name, {name!r}")
