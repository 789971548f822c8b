"""What the user reads where a command stops before the model is asked: which file, which line, why, what to do."""

from __future__ import annotations

import re

from codexplus_core import LocalReply

from .accessible import reply
from .arguments import Included
from .command_file import CommandFile
from .questions import source_of
from .surroundings import Surroundings
from .verdicts import Judged

SWITCHED_OFF = "your settings switch shell commands in command files off (`disableSkillShellExecution`)"
"""Why no shell command of a file runs."""
_LONGEST = 4000
# Control characters, what turns the direction of text, and what cannot be seen; joiners are part of letters and signs.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def not_allowed(command: CommandFile, judged: Judged, where: Surroundings) -> LocalReply:
    """A shell command may not run."""
    included = judged.included
    words = f'Shell command permission check failed for pattern "{included.pattern}": {judged.reason}'
    if where.strict:
        return said(words, where)
    advice = "" if included.problem else _advice(included)
    return said(f"{_place(command, included, where)}\n\n{words}{advice}", where)


def failed(command: CommandFile, included: Included, output: str, where: Surroundings) -> LocalReply:
    """A shell command ended badly."""
    words = f'Shell command failed for pattern "{included.pattern}":'
    if where.strict:
        return said(f"{words} {output}", where)
    shown_output = f"\n\n{block(shown(output))}" if output else " it printed nothing"
    return reply(shown(f"{_place(command, included, where)}\n\n{words}") + shown_output, where.wish)


def stopped(command: CommandFile, where: Surroundings, why: str) -> LocalReply:
    """A command that cannot be used, for a reason of its own."""
    return said(f"`{source_of(command, where.cwd)}`: {why}", where)


def said(text: str, where: Surroundings) -> LocalReply:
    """An answer of our own, as it may be shown and as the user wants it."""
    return reply(shown(text), where.wish)


def shown(text: str) -> str:
    """A text as it may be shown in a terminal: nothing in it is obeyed or hidden, and it is not endless."""
    words = plain(text[: _LONGEST + 1])
    return words if len(text) <= _LONGEST else f"{words[:_LONGEST]}\n…"


def plain(text: str) -> str:
    """A text without characters that move the cursor, turn the direction of writing or cannot be seen."""
    return _OBEYED.sub("\ufffd", text)


def block(text: str) -> str:
    """A text as a fenced block that nothing in it can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _place(command: CommandFile, included: Included, where: Surroundings) -> str:
    file = source_of(command, where.cwd)
    return f"/{command.name} stopped in `{file}`, line {included.line}; the model was not asked."


def _advice(included: Included) -> str:
    words = included.template.split()
    program = words[0] if words else "PROGRAM"
    return f"\n\nTo allow it, write `allowed-tools: Bash({program}:*)` at the top of the file, between two lines `---`."
