"""Which tool names, sources and reasons a hook's matcher means, as recorded of Claude Code 2.1."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from .javascript_pattern import BadPattern, Pattern, read_javascript

LONGEST_NAME = 512
"""Characters of a name that a pattern is held against; tools' names are shorter, and no server makes anybody wait."""
LONGEST_MATCHER = 1000

_EXACT = re.compile(r"[A-Za-z0-9_\- ,|]*", re.ASCII)
_SEPARATOR = re.compile(r"[|,]")
# Claude Code 2.1 calls its sub-agents' tool Agent and lets matchers say Task as before.
_ALSO: Mapping[str, str] = {"Task": "Agent", "Agent": "Task"}
_HELD_AGAINST: Mapping[str, str] = {
    "PreToolUse": "tool_name",
    "PermissionRequest": "tool_name",
    "PostToolUse": "tool_name",
    "PostToolUseFailure": "tool_name",
    "SessionStart": "source",
    "SessionEnd": "reason",
    "PreCompact": "trigger",
    "PostCompact": "trigger",
    "Notification": "notification_type",
    "SubagentStart": "agent_type",
    "SubagentStop": "agent_type",
    "UserPromptExpansion": "command_name",
}


def matches(matcher: str, *names: str) -> bool:
    """Whether the matcher means one of the names; a tool may have several (``Task`` and ``Agent``).

    Nothing, ``*`` and ``""`` mean all. Letters, digits, ``_``, ``-``, blanks, ``,`` and ``|`` are a list of exact
    names. Everything else is a regular expression of JavaScript, found anywhere in a name; one that is none means
    nothing at all, see `problem_of`.
    """
    if matcher in ("", "*"):
        return True
    also = [_ALSO[name] for name in names if name in _ALSO]
    if _EXACT.fullmatch(matcher):
        wanted = {part.strip() for part in _SEPARATOR.split(matcher)} - {""}
        return any(name in wanted for name in (*names, *also))
    pattern = _compiled(matcher)
    return isinstance(pattern, Pattern) and any(pattern.found_in(name[:LONGEST_NAME]) for name in (*names, *also))


def problem_of(matcher: str) -> str:
    """Why a matcher never means anything, ``""`` where it may."""
    if matcher in ("", "*") or _EXACT.fullmatch(matcher):
        return ""
    pattern = _compiled(matcher)
    return pattern if isinstance(pattern, str) else ""


def names_of(event: str, payload: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What matchers of an event are held against; None where they are ignored (UserPromptSubmit, Stop)."""
    field = _HELD_AGAINST.get(event)
    if field is None:
        return None
    value = payload.get(field)
    return (value,) if isinstance(value, str) else ()


# The same few matchers are held against every tool call; a pure function's memory is nobody's state.
@functools.lru_cache(maxsize=256)
def _compiled(matcher: str) -> Pattern | str:
    if len(matcher) > LONGEST_MATCHER:
        return f"it is longer than {LONGEST_MATCHER} characters"
    try:
        return read_javascript(matcher)
    except BadPattern as bad:
        return str(bad)
