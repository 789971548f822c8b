"""Calls whose arguments cannot be shown to hooks as Codex reads them: those do not pass where a hook looks on."""

from __future__ import annotations

from typing import Any

from codexplus_core import ToolCall

DEEPEST = 64
"""Levels of lists and objects, in a call's arguments and in what a hook says; Codex's own parser ends at 128."""


def why_unreadable(call: ToolCall) -> str:
    """Why hooks cannot be told of a call, ``""`` where they can.

    Codex's parser skips fields that it does not know without reading them: with half a character or a number of a
    thousand digits in one of these, it runs a command that nobody here has seen. It also takes a list for an object.
    """
    if call.kind == "function_call" and isinstance(call.arguments, str):
        return "the arguments are no JSON object that can be read here; send the call again with plain JSON"
    if isinstance(call.arguments, dict) and is_deep(call.arguments):
        return f"the arguments are nested deeper than {DEEPEST} levels; send the call again without that"
    return ""


def is_deep(value: Any) -> bool:
    """Whether JSON is nested deeper than `DEEPEST`; not every place that has to write it again could."""
    level = [value]
    for _ in range(DEEPEST):
        level = [each for one in level for each in _within(one)]
        if not level:
            return False
    return True


def _within(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in inner if isinstance(each, dict | list)]
