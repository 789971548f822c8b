"""What is asked of the rules, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .rule import Rule
from .shell import Write

Decision = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class ShellText:
    """A text for a POSIX shell. ``cwd`` is where it would run; it places the files that it names."""

    text: str
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class WindowsText:
    """A text for ``cmd /c``: never taken apart, so that only an exact rule allows it."""

    text: str
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Argv:
    """One program and its arguments, without a shell."""

    argv: tuple[str, ...]
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file to read: as it was named, and the path of what is really opened (None: not known, so never allowed).

    ``cwd`` is the folder of the session, ``real_cwd`` the same without links. Paths are absolute or relative to it.
    """

    written: str
    real: str | None
    cwd: str
    real_cwd: str = ""


@dataclass(frozen=True, slots=True)
class EditFile:
    """A file to write, create or remove; the fields are those of ReadFile."""

    written: str
    real: str | None
    cwd: str
    real_cwd: str = ""


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of an MCP server."""

    server: str
    tool: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """A URL to open."""

    url: str


@dataclass(frozen=True, slots=True)
class Other:
    """Any other tool; ``text`` is what its rules name in parentheses (the agent of a Task, the name of a Skill)."""

    tool: str
    text: str = ""


Request = ShellText | WindowsText | Argv | ReadFile | EditFile | McpTool | Fetch | Other


def length_of(request: Request) -> int:
    """How much there is to look at: the characters of a command, 0 for requests that are always short."""
    if isinstance(request, ShellText | WindowsText):
        return len(request.text)
    return sum(map(len, request.argv)) if isinstance(request, Argv) else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. ``rule`` is the one that decided, None where none did; ``reason`` is a sentence for people.

    ``canonical`` is the shell text to run in place of the given one, None where it may not run as it was understood.
    ``writes`` are the files that its redirections write: they were not looked up, judge them as EditFile, too.
    """

    decision: Decision
    rule: Rule | None
    reason: str
    canonical: str | None = None
    writes: tuple[Write, ...] = ()
