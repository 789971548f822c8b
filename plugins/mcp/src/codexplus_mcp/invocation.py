"""Whether a prompt names a server's, `/mcp__server__prompt` or `/server:prompt (MCP)`, and with what arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codexplus_core import Problem

from .wording import line

_NAMED = re.compile(r"/(mcp__\S+)(.*)", re.DOTALL)
# Recorded with Claude Code 2.1.197: the same prompt by the name that its menu shows.
_SHOWN = re.compile(r"/(\S+?):(\S+) \(MCP\)(?!\S)(.*)", re.DOTALL)
_DOORS = re.compile(r"[ \t]*/?(?=/)")
_WORD = re.compile(r"""(?P<blank>\s+)|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<plain>[^\s"']+|["'])""")


@dataclass(frozen=True, slots=True)
class Invocation:
    """A prompt of a server's as it was typed: ``name`` is ``mcp__server__prompt``, or ``server`` and ``prompt`` are."""

    typed: str
    args: str
    server: str = ""
    prompt: str = ""


def invocation_of(text: str, *, strict: bool) -> Invocation | None:
    """The server's prompt that a text names, None where it names none.

    Besides Claude Code's form the default profile knows blanks before the slash, and a second slash: Codex's composer
    keeps the first column for its own commands.
    """
    if not strict and text[:1] in ("/", " ", "\t") and (door := _DOORS.match(text)) is not None:
        text = text[door.end() :]
    if (named := _NAMED.fullmatch(text)) is not None:
        return Invocation(named[1], named[2].strip())
    if (shown := _SHOWN.fullmatch(text)) is not None:
        return Invocation(f"{shown[1]}:{shown[2]} (MCP)", shown[3].strip(), shown[1], shown[2])
    return None


class MissingArgument(Problem):
    """An argument that the server wants was not given; worded as Claude Code words it."""


def arguments_of(raw: str, declared: Sequence[tuple[str, bool]], typed: str, *, strict: bool) -> dict[str, str]:
    """The values of a prompt's arguments, in the order in which the server declares them as (name, required).

    In the strict profile words are parted at blanks only and quotes mean nothing, as recorded. In the default one
    quotes hold a value together, ``name=value`` says which is meant, and a prompt with one argument takes the whole
    text. What is left over is dropped. Raises MissingArgument.
    """
    names = [name for name, _ in declared]
    if not strict and len(names) == 1 and raw and not raw.startswith((f"{names[0]}=", '"', "'")):
        return {names[0]: raw}
    given: dict[str, str] = {}
    words = raw.split() if strict else _words(raw)
    for word in words:
        name, equals, value = word.partition("=")
        if not strict and equals and name in names and name not in given:
            given[name] = value
            continue
        free = next((each for each in names if each not in given), None)
        if free is not None:
            given[free] = word
    for name, required in declared:
        if required and name not in given:
            # The names are the server's words, and this is said to the user.
            usage = line(" ".join([f"/{typed}", *(_shown(*each, strict=strict) for each in declared)]), 1000)
            usage = usage if strict else f"`{usage}`"
            raise MissingArgument(f"Error: Missing required argument: {line(name, 80)}. Usage: {usage}")
    return given


def _shown(name: str, required: bool, *, strict: bool) -> str:
    """An argument in the usage; as recorded, Claude Code marks none as optional."""
    word = line(name, 80)
    return word if strict else f"<{word}>" if required else f"[{word}]"


def _words(raw: str) -> list[str]:
    found: list[str] = []
    word: list[str] | None = None
    for token in _WORD.finditer(raw):
        if token["blank"] is not None:
            found += [] if word is None else ["".join(word)]
            word = None
            continue
        word = word or []
        if token["double"] is not None:
            word.append(re.sub(r'\\(["\\])', r"\1", token["double"]))
        else:
            word.append(token["single"] if token["single"] is not None else token["plain"])
    return found if word is None else [*found, "".join(word)]
