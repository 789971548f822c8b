"""Which single items and tools of a Responses request are legal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .shapes import ITEM_FIELDS, PART_FIELDS, PREFIXES, REQUIRED, ROLE_PARTS, TOOL_FIELDS

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")

Item = dict[str, Any]


class Illegal(Exception):
    """A request that the API would refuse, with the parts of its error answer."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param

    def body(self) -> dict[str, Any]:
        """The error as the API's JSON answer."""
        return {
            "error": {
                "message": self.message, "type": "invalid_request_error", "param": self.param, "code": self.code,
            }
        }  # fmt: skip


def check_item(item: Any, where: str) -> None:
    """Raise Illegal unless ``item`` is one that the API takes by itself."""
    if not isinstance(item, dict):
        raise Illegal(f"Invalid type for '{where}': expected an object.", code="invalid_type", param=where)
    kind = item.get("type", "message")
    if kind not in ITEM_FIELDS:
        raise Illegal(f"Invalid value: '{kind}'.", code="invalid_value", param=f"{where}.type")
    for name in item:
        if name not in ITEM_FIELDS[kind]:
            raise Illegal(f"Unknown parameter: '{where}.{name}'.", code="unknown_parameter", param=f"{where}.{name}")
    for name in REQUIRED.get(kind, ()):
        if name not in item:
            raise Illegal(
                f"Missing required parameter: '{where}.{name}'.",
                code="missing_required_parameter",
                param=f"{where}.{name}",
            )
    identity = item.get("id")
    if identity is not None and not (isinstance(identity, str) and identity.startswith(PREFIXES[kind]) and identity):
        raise Illegal(
            f"Invalid '{where}.id': '{identity}'. Expected an ID that begins with '{PREFIXES[kind].rstrip('_')}'.",
            code="invalid_value",
            param=f"{where}.id",
        )
    for name in ("name", "namespace"):
        if item.get(name) is not None and not _NAME.match(str(item[name])):
            raise Illegal(f"Invalid '{where}.{name}'.", code="invalid_value", param=f"{where}.{name}")
    for name in ("arguments", "call_id") if kind == "function_call" else ("input", "call_id"):
        if name in item and name in REQUIRED.get(kind, ()) and not isinstance(item[name], str):
            raise Illegal(f"Invalid type for '{where}.{name}': expected a string.", code="invalid_type", param=name)
    _check_parts(kind, item, where)
    if kind == "additional_tools":
        check_tools(item["tools"], f"{where}.tools")


def _check_parts(kind: str, item: Item, where: str) -> None:
    if kind == "message":
        role = item["role"]
        if role not in ROLE_PARTS:
            raise Illegal(f"Invalid value: '{role}'.", code="invalid_value", param=f"{where}.role")
        if not isinstance(item["content"], str):
            _check_part_list(item["content"], ROLE_PARTS[role], f"{where}.content")
    elif kind == "agent_message":
        _check_part_list(item["content"], frozenset({"input_text", "encrypted_content"}), f"{where}.content")
    elif kind == "reasoning":
        _check_part_list(item["summary"], frozenset({"summary_text"}), f"{where}.summary")
        _check_part_list(item.get("content") or [], frozenset({"reasoning_text"}), f"{where}.content")
    elif "output" in item and not isinstance(item["output"], str):
        _check_part_list(item["output"], ROLE_PARTS["user"] | {"encrypted_content"}, f"{where}.output")


def _check_part_list(parts: Any, allowed: frozenset[str], where: str) -> None:
    if not isinstance(parts, list):
        raise Illegal(f"Invalid type for '{where}': expected an array.", code="invalid_type", param=where)
    for index, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in allowed:
            supported = ", ".join(f"'{name}'" for name in sorted(allowed))
            raise Illegal(
                f"Invalid value: '{kind}'. Supported values are: {supported}.",
                code="invalid_value",
                param=f"{where}[{index}]",
            )
        for name in part:
            if name not in PART_FIELDS[kind]:
                param = f"{where}[{index}].{name}"
                raise Illegal(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)


def check_tools(tools: Sequence[Any], where: str) -> None:
    """Raise Illegal unless these are tools that the API takes."""
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        place = f"{where}[{index}]"
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind not in TOOL_FIELDS:
            raise Illegal(f"Invalid value: '{kind}'.", code="invalid_value", param=f"{place}.type")
        for name in tool:
            if name not in TOOL_FIELDS[kind]:
                param = f"{place}.{name}"
                raise Illegal(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)
        if "name" not in TOOL_FIELDS[kind]:
            continue
        if not isinstance(tool.get("name"), str) or not _NAME.match(tool["name"]):
            raise Illegal(
                f"Invalid '{place}.name': string does not match pattern.", code="invalid_value", param=f"{place}.name"
            )
        if tool["name"] in seen:
            raise Illegal(f"Duplicate tool name '{tool['name']}'.", code="invalid_value", param=f"{place}.name")
        seen.add(tool["name"])
        if kind == "namespace":
            check_tools(tool.get("tools") or [], f"{place}.tools")
