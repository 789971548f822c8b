"""The tools that this client has itself: to read on in a long answer, to find and call tools when there are many."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from .names import OURS
from .outputs import READ_TOOL
from .tools import Offer

SEARCH_TOOL = f"mcp__{OURS}__search_tools"
CALL_TOOL = f"mcp__{OURS}__call_tool"
MANY = 80_000
"""Characters of all tools together above which they are searched in place of being offered one by one."""
_MOST = 8

READ = (
    READ_TOOL,
    "Read on in the answer of an MCP tool that was too long to be shown as a whole.",
    {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "the id that the shortened answer names"},
            "offset": {"type": "integer", "minimum": 0, "description": "the first character to read"},
        },
        "required": ["id", "offset"],
    },
)
CALL = (
    CALL_TOOL,
    "Call an MCP tool that was found with search_tools.",
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "the tool's name, as search_tools gives it"},
            "arguments": {"type": "object", "description": "its arguments, after its parameters"},
        },
        "required": ["name", "arguments"],
    },
)


def search(offers: Sequence[Offer]) -> tuple[str, str, dict[str, Any]]:
    """The tool that finds others; says of which servers there are how many."""
    servers: dict[str, int] = {}
    for offer in offers:
        servers[offer.server.name] = servers.get(offer.server.name, 0) + 1
    listed = ", ".join(f"{name} ({count})" for name, count in sorted(servers.items()))
    words = {"type": "string", "description": "words of what the tool should do, or a part of its name"}
    return (
        SEARCH_TOOL,
        "Find MCP tools by what they do; gives names, descriptions and parameters."
        + (f" Servers and their tools: {listed}." if listed else ""),
        {"type": "object", "properties": {"query": words}, "required": ["query"]},
    )


def are_many(offers: Sequence[Offer], setting: object = "auto") -> bool:
    """Whether tools are to be searched (``mcp.toolSearch``: ``"auto"``, ``"on"``, ``"off"``)."""
    if setting in ("on", True):
        return True
    return setting not in ("off", False) and sum(offer.size for offer in offers) > MANY


def found(offers: Sequence[Offer], query: str) -> str:
    """The tools that fit a query best, as JSON lines."""
    words = set(re.findall(r"\w+", query.lower()))
    ranked = sorted(offers, key=lambda offer: (-_score(offer, words), offer.name))
    best = [offer for offer in ranked[:_MOST] if _score(offer, words) > 0]
    if not best:
        names = ", ".join(offer.name for offer in offers[:100])
        return f"nothing fits {query!r}; the tools are: {names}{' and more' if offers[100:] else ''}"
    return "\n".join(
        json.dumps(
            {"name": one.name, "description": one.description, "parameters": dict(one.tool.schema)}, ensure_ascii=False
        )
        for one in best
    )


def _score(offer: Offer, words: set[str]) -> int:
    name, text = offer.name.lower(), f"{offer.tool.title} {offer.description}".lower()
    return sum(3 * (word in name) + (word in text) for word in words)
