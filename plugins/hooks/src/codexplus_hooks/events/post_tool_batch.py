"""PostToolBatch: all tools of one answer of the model's have been heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..firing import Firing, Where
from ..outcome import Outcome
from ..tools import Tool

EVENT = "PostToolBatch"


def row(tool: Tool, id: str, response: str) -> dict[str, Any]:
    """One tool of the batch."""
    return {"tool_name": tool.name, "tool_input": tool.input, "tool_use_id": id, "tool_response": response}


async def fire(firing: Firing, where: Where, rows: Sequence[dict[str, Any]]) -> Outcome:
    """Run the hooks."""
    return await firing.fire(EVENT, where, {"tool_calls": list(rows)})
