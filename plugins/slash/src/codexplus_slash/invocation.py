"""Whether a prompt names a slash command, and with what arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .whitespace import SPACE, SPACES

_NAMED = re.compile(rf"/([^/{SPACE}][^{SPACE}]*)(.*)", re.DOTALL)
_DOORS = re.compile(r"[ \t]*/?(?=/)")


@dataclass(frozen=True, slots=True)
class Invocation:
    """A name as it was typed, without the slash, and the rest of the prompt without the blanks around it."""

    name: str
    args: str


def invocation_of(prompt: str, *, strict: bool, doors: bool = True) -> Invocation | None:
    """The command that a prompt names, None where it names none; whether there is such a command is another matter.

    Claude Code wants the slash in the first column, and so does the ``strict`` profile. Codex's composer keeps that
    form for its own commands, so the default profile has ``doors``: blanks before the slash, and a second slash.
    """
    if doors and not strict and prompt[:1] in ("/", " ", "\t"):
        door = _DOORS.match(prompt)
        if door is not None:
            prompt = prompt[door.end() :]
    if not prompt.startswith("/"):
        return None
    named = _NAMED.fullmatch(prompt)
    return None if named is None else Invocation(named[1], named[2].strip(SPACES))
