"""A command's body taken apart: text, and the shell commands in it, before any argument is put in.

Claude Code puts the arguments in first and looks for inclusions afterwards; what a user typed, or pasted, can then
become one. Here the file alone says what runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .whitespace import SPACE, SPACES

# The forms fit what Claude Code 2.1.197 and 2.1.329 were seen to take, and to leave alone: x!`a`, (!`a`), ! `a`, \!`a`.
_FENCED = re.compile(rf"^([ \t]*)```!(?=[{SPACE}])(.*?)```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(rf"(?:\A|(?<=[{SPACE}]))!`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of the body that is text; ``line`` is the line of the file that it begins in."""

    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Shell:
    """An inclusion: ``source`` as it stands in the body, ``command`` the template in it, ``fenced`` for a ``!`` block.

    ``line`` is the line of the file that the command itself begins in.
    """

    source: str
    command: str
    fenced: bool
    line: int

    def around(self, command: str) -> str:
        """The inclusion with another command in the template's place."""
        begin = self.source.index(self.command, len("```!") if self.fenced else len("!`"))
        return f"{self.source[:begin]}{command}{self.source[begin + len(self.command) :]}"


Piece = Text | Shell


def parse(body: str, *, first_line: int = 1) -> tuple[Piece, ...]:
    """The pieces of a body; their sources joined are the body, and no two texts are neighbours."""
    if "!`" not in body and "```!" not in body:
        return (Text(body, first_line),) if body else ()
    pieces: list[Piece] = []
    line = first_line
    begun = 0
    for start, end, command, fenced in _inclusions(body):
        if start > begun:
            pieces.append(Text(body[begun:start], line))
            line += body.count("\n", begun, start)
        source = body[start:end]
        before = source[: source.index(command, len("```!"))].count("\n") if fenced else 0
        pieces.append(Shell(source, command, fenced, line + before))
        line += source.count("\n")
        begun = end
    if begun < len(body):
        pieces.append(Text(body[begun:], line))
    return tuple(pieces)


def _inclusions(body: str) -> Iterator[tuple[int, int, str, bool]]:
    begun = 0
    for fence in _FENCED.finditer(body):
        start = fence.end(1)
        yield from _inline(body, begun, start)
        command = fence[2].strip(SPACES)
        if command:
            yield start, fence.end(), command, True
        begun = fence.end()
    yield from _inline(body, begun, len(body))


def _inline(body: str, begin: int, end: int) -> Iterator[tuple[int, int, str, bool]]:
    for found in _INLINE.finditer(body, begin, end):
        command = found[1].strip(SPACES)
        if command:
            yield found.start(), found.end(), command, False
