"""The model's tool calls: whole ones out of a stream, and the wire items that calls and results become."""

from __future__ import annotations

from typing import Any

import msgspec

from .tools import ToolCall, ToolResult

# What the client runs. The backend runs the API's own tools (web search and the like): nobody can answer them here.
_KINDS = frozenset({"function_call", "custom_tool_call", "local_shell_call"})

_DEEPEST = 64

_OUTPUTS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    # Codex answers this kind with a function's output too, so that is what the backend knows.
    "local_shell_call": "function_call_output",
}


class _Item(msgspec.Struct):
    type: Any = None


class _Done(msgspec.Struct):
    item: _Item | None = None  # all else is skipped unread


_done = msgspec.json.Decoder(_Done)


def makes_one(payload: bytes) -> bool:
    """Whether the item of an ``output_item.done`` event is a call for a client to run; it reads little for that."""
    try:
        item = _done.decode(payload).item
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A key that stands twice is refused there for its first value, and it is the last one that counts.
        return _holds_one(payload)
    return item is not None and isinstance(item.type, str) and item.type in _KINDS


def _holds_one(payload: bytes) -> bool:
    try:
        data = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    item = data.get("item") if isinstance(data, dict) else None
    kind = item.get("type") if isinstance(item, dict) else None
    return isinstance(kind, str) and kind in _KINDS


def call_of(item: dict[str, Any]) -> ToolCall | None:
    """The call that an output item makes, or None where it is no call for a client to run."""
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    id = str(item.get("call_id") or item.get("id") or "")
    if kind == "local_shell_call":
        action = item.get("action")
        return ToolCall(id, "local_shell", action if isinstance(action, dict) else {}, kind=kind)
    namespace = item.get("namespace")
    return ToolCall(
        id=id,
        name=str(item.get("name") or ""),
        arguments=str(item.get("input") or "") if kind == "custom_tool_call" else _arguments(item.get("arguments")),
        namespace=namespace if isinstance(namespace, str) else None,
        kind=kind,
    )


def item_with(item: dict[str, Any], call: ToolCall) -> dict[str, Any]:
    """The wire item with the arguments of ``call`` in it; all else stays the item's own."""
    if call.kind == "local_shell_call":
        return {**item, "action": call.arguments}
    text = call.arguments if isinstance(call.arguments, str) else msgspec.json.encode(call.arguments).decode()
    return {**item, "input" if call.kind == "custom_tool_call" else "arguments": text}


def output_item(call: ToolCall, result: ToolResult) -> dict[str, Any]:
    """The item that tells the model what ``call`` answered."""
    output: str | list[dict[str, Any]] = result.output
    if result.is_error:
        # The wire has no error flag for outputs, so the model must be able to read it.
        output = f"error: {output}" if isinstance(output, str) else [{"type": "input_text", "text": "error:"}, *output]
    return {"type": _OUTPUTS.get(call.kind, "function_call_output"), "call_id": call.id, "output": output}


def keys_of(data: dict[str, Any]) -> list[int | str]:
    """What names the item that an event is about: its output index (it comes first) and its id, as far as given."""
    item = data.get("item")
    id = item.get("id") if isinstance(item, dict) else data.get("item_id")
    keys: list[int | str] = []
    index = data.get("output_index")
    if isinstance(index, int):
        keys.append(index)
    if isinstance(id, str) and id:
        keys.append(id)
    return keys


def _arguments(text: Any) -> dict[str, Any] | str:
    if isinstance(text, dict):
        return {**text}
    words = str(text or "")
    if not words.strip():
        return {}
    try:
        value = msgspec.json.decode(words)
    except (msgspec.DecodeError, RecursionError):
        return words
    return value if isinstance(value, dict) and not _is_deep(value) else words


def _is_deep(value: Any) -> bool:
    """Whether it is nested deeper than can be copied and written again; Codex's own parser ends at 128 levels."""
    level = [value]
    for _ in range(_DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
        if not level:
            return False
    return True
