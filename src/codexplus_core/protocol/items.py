"""The items of a Responses conversation: what they are, what makes one the same as another, and how ours are built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

Item = dict[str, Any]

_encode = msgspec.json.Encoder(order="sorted").encode

CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "tool_search_call"})
"""Types of tool calls that the client answers, each with an item whose type ends in ``_output``."""

NOTES = "internal_chat_message_metadata_passthrough"
"""Where Codex 0.169 notes beside an item whose words its parts are, and when they were said."""

# What clients add to, drop from or rename in an item between receiving it and sending it again (0.29 to 0.169).
_VOLATILE = frozenset({"id", "status", NOTES, "annotations", "logprobs"})


def type_of(item: Mapping[str, Any]) -> str:
    """The item's type; a bare ``{"role", "content"}`` is a message, as the API reads it."""
    kind = item.get("type")
    return kind if isinstance(kind, str) else "message"


def is_call(item: Mapping[str, Any]) -> bool:
    """True for a tool call that the client is to answer."""
    return type_of(item) in CALLS


def is_output(item: Mapping[str, Any]) -> bool:
    """True for the answer to a tool call."""
    return type_of(item).endswith("_output")


def parts_of(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The content parts of a message; a plain string counts as one text part."""
    content = item.get("content")
    if isinstance(content, str):
        return [{"type": "input_text", "text": content}]
    if not isinstance(content, list):
        return []
    return [part for part in content if isinstance(part, dict)]


def text_of(item: Mapping[str, Any]) -> str:
    """The text parts of a message, one after the other."""
    return "\n".join(str(part["text"]) for part in parts_of(item) if isinstance(part.get("text"), str))


def kinds_of(item: Mapping[str, Any]) -> list[str] | None:
    """The kind of each content part as Codex 0.169 names it (``user.text`` …), None where the client names none."""
    passthrough = item.get(NOTES)
    kinds = passthrough.get("content_item_kinds") if isinstance(passthrough, dict) else None
    return [str(kind) for kind in kinds] if isinstance(kinds, list) else None


def content_key(item: Mapping[str, Any]) -> str:
    """A digest of what stays the same when a client re-sends an item.

    Item ids, status and metadata are left out: Codex 0.60 to 0.120 drop the ids of everything they re-send, 0.29
    keeps them on calls only. Calls and outputs are known by their ``call_id``, reasoning by its encrypted content.
    """
    kind = type_of(item)
    call_id = item.get("call_id")
    if isinstance(call_id, str) and call_id:
        return f"{'out' if is_output(item) else 'call'}:{call_id}"
    if kind == "message":
        role = str(item.get("role"))
        parts = [_essence(part) for part in parts_of(item)]
        return f"msg:{role}:{digest(parts)}"
    if kind in ("reasoning", "compaction") and isinstance(item.get("encrypted_content"), str):
        return f"{kind}:{digest(item['encrypted_content'])}"
    return f"{kind}:{digest({k: v for k, v in item.items() if k not in _VOLATILE and v is not None})}"


def is_unique(key: str) -> bool:
    """True where a content key can stand for one item only, so that ids need not agree."""
    return not key.startswith("msg:")


def _essence(part: Mapping[str, Any]) -> Any:
    text = part.get("text")
    if isinstance(text, str):
        return text
    return {k: v for k, v in part.items() if k not in _VOLATILE}


def digest(value: Any) -> str:
    """A short digest of a JSON value."""
    return blake2b(_encode(value), digest_size=12).hexdigest()


def message(role: str, text: str) -> Item:
    """A message item with one text part."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def tools_of(body: Mapping[str, Any]) -> Iterator[Item]:
    """The tools a request offers, out of the top level and out of the ``additional_tools`` item of the lite models.

    A tool inside a namespace carries it in the key ``namespace``; ``functions`` is the default one and is left out.
    """
    yield from _flat(body.get("tools"), None)
    items = body.get("input")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == "additional_tools":
            yield from _flat(item.get("tools"), None)


def _flat(tools: Any, namespace: str | None) -> Iterator[Item]:
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        if tool.get("type") == "namespace":
            name = str(tool.get("name"))
            yield from _flat(tool.get("tools"), None if name == "functions" else name)
        elif namespace is not None:
            yield {**tool, "namespace": namespace}
        else:
            yield tool


def with_tools(item: Item, tools: Sequence[Item]) -> Item:
    """An ``additional_tools`` item that offers ``tools`` too, in its ``functions`` namespace."""
    groups = [dict(group) if isinstance(group, dict) else group for group in item.get("tools") or []]
    for group in groups:
        if isinstance(group, dict) and group.get("type") == "namespace" and group.get("name") == "functions":
            group["tools"] = [*(group.get("tools") or []), *tools]
            break
    else:
        groups.append({"type": "namespace", "name": "functions", "description": "", "tools": list(tools)})
    return {**item, "tools": groups}
