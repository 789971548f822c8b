"""The words in which the model and the user are told what hooks said, as recorded of Claude Code 2.1.197."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from codexplus_core import plain_text

from .outcome import Context, Outcome

_NAMED = 3
_MARK = re.compile(r"<(\s*/?\s*system-reminder)", re.IGNORECASE)


def reminder(text: str) -> str:
    """A text for the model that is nobody's words.

    What a hook prints may be a stranger's, such as a file's; nothing in it ends the reminder or begins another.
    """
    text = _MARK.sub(r"<\\\1", text)
    return f"<system-reminder>\n{text}\n</system-reminder>"


def context_texts(event: str, contexts: Iterable[Context], *, printed_as: str = "") -> list[str]:
    """What hooks gave the model to know, one reminder a hook.

    ``event`` names it (``PostToolUse:Bash``), ``printed_as`` names plain output where that has another name.
    """
    return [
        reminder(f"{printed_as or event} hook success: {each.text}")
        if each.printed
        else reminder(f"{event} hook additional context: {each.text}")
        for each in contexts
    ]


def stopped(outcome: Outcome) -> str:
    """What the user reads where a hook said ``continue: false``."""
    return f"Operation stopped by hook: {outcome.stop_reason}" if outcome.stop_reason else "Operation stopped by hook"


def said(event: str, outcome: Outcome) -> list[str]:
    """The lines for the user alone: ``systemMessage``."""
    return [f"{event} says: {text}" for text in outcome.system_messages]


def incorrect(lost: Sequence[str]) -> str:
    """The line for the user about entries of settings files that do not count, ``""`` for none."""
    if not lost:
        return ""
    more = f" There are {len(lost) - _NAMED} more." if len(lost) > _NAMED else ""
    listed = "\n".join(f"- {plain_text(each, 300)}" for each in lost[:_NAMED])
    return f"These hooks do not count as they are written; `/hooks list` names them too:\n\n{listed}{more}"
