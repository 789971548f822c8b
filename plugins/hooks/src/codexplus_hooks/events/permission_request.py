"""PermissionRequest: Codex is about to ask its user about a call; a hook may say no at once.

On the wire nothing can answer Codex's dialog, so a hook's yes leaves it to the user; through Codex's own hooks it
counts.
"""

from __future__ import annotations

from codexplus_core import ToolCall

from ..firing import Firing, Where
from ..outcome import Outcome
from ..tools import Tool

EVENT = "PermissionRequest"


def asks(call: ToolCall) -> bool:
    """Whether the model asks to run this outside Codex's sandbox, about which Codex asks its user."""
    given = call.arguments
    if not isinstance(given, dict):
        return False
    return given.get("sandbox_permissions") == "require_escalated" or given.get("with_escalated_permissions") is True


async def fire(firing: Firing, where: Where, tool: Tool) -> Outcome:
    """Run the hooks."""
    fields = {"tool_name": tool.name, "tool_input": tool.input, "permission_suggestions": []}
    return await firing.fire(EVENT, where, fields)


def denial(outcome: Outcome, tool: Tool) -> str:
    """What the model is told."""
    return outcome.reason or f"Hook {EVENT}:{tool.name} denied this tool"
