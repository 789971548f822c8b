"""What a recorded request says: its words, its calls, its tools."""

from __future__ import annotations

from typing import Any


def words_of(body: dict[str, Any], *roles: str) -> list[str]:
    """The texts of a request's messages of these roles (user and assistant unless named), in order."""
    found = []
    for item in body["input"]:
        if item.get("type", "message") != "message" or item["role"] not in (roles or ("user", "assistant")):
            continue
        content = item["content"]
        parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
        found += [part for part in parts if not part.lstrip().startswith(("<environment_context", "# AGENTS.md"))]
    return found


def calls_in(body: dict[str, Any]) -> list[tuple[str, str]]:
    """The calls and outputs of a request: (type, arguments or output)."""
    found = []
    for item in body["input"]:
        if item.get("type") in ("function_call", "custom_tool_call"):
            found.append((item["type"], item.get("arguments") or item.get("input")))
        elif str(item.get("type")).endswith("_output"):
            output = item["output"]
            found.append((item["type"], output if isinstance(output, str) else output[0]["text"]))
    return found


def tool_names(body: dict[str, Any]) -> list[str]:
    """The tools that a request offers, wherever it does so."""
    tools = list(body.get("tools") or [])
    for item in body["input"]:
        for space in item.get("tools") or []:
            tools += space.get("tools") or []
    return [tool["name"] for tool in tools if "name" in tool]
