"""What the model is told with a recorded request: words, calls, tools.

Over a WebSocket that is more than what the request itself brings: it goes on from an earlier response.
"""

from __future__ import annotations

from codexplus_core.testing.reply import Received


def words_of(got: Received, *roles: str) -> list[str]:
    """The texts of the messages of these roles (user and assistant unless named), in order."""
    found = []
    for item in got.conversation:
        if item.get("type", "message") != "message" or item["role"] not in (roles or ("user", "assistant")):
            continue
        content = item["content"]
        parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
        found += [part for part in parts if not part.lstrip().startswith(("<environment_context", "# AGENTS.md"))]
    return found


def calls_in(got: Received) -> list[tuple[str, str]]:
    """The calls and outputs: (type, arguments or output)."""
    found = []
    for item in got.conversation:
        if item.get("type") in ("function_call", "custom_tool_call"):
            found.append((item["type"], item.get("arguments") or item["input"]))
        elif str(item.get("type")).endswith("_output"):
            output = item["output"]
            found.append((item["type"], output if isinstance(output, str) else output[0]["text"]))
    return found


def tool_names(got: Received) -> list[str]:
    """The tools that are offered, wherever that is done."""
    tools = list(got.body.get("tools") or [])
    for item in got.conversation:
        for space in item.get("tools") or []:
            tools += space.get("tools") or []
    return [tool["name"] for tool in tools if "name" in tool]
