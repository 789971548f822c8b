"""Denies calls that speak of `denied.txt`, and lets those that speak of `first.txt` write `second.txt`."""

from __future__ import annotations

from typing import Any

from codexplus_core import Refusal, ToolCall, hookimpl


@hookimpl
def on_tool_use(call: ToolCall) -> Refusal | ToolCall | None:
    if "denied.txt" in str(call.arguments):
        return Refusal("writing denied.txt is not allowed here")
    if "first.txt" in str(call.arguments):
        return call.replace(arguments=_changed(call.arguments))
    return None


def _changed(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("first.txt", "second.txt")
    if isinstance(value, dict):
        return {key: _changed(entry) for key, entry in value.items()}
    return [_changed(entry) for entry in value] if isinstance(value, list) else value
