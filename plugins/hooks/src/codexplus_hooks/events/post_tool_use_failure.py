"""PostToolUseFailure: a tool has failed; comes in the place of PostToolUse."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome
from ..results import Answered
from ..tools import Tool

EVENT = "PostToolUseFailure"


async def fire(firing: Firing, where: Where, tool: Tool, id: str, said: Answered) -> Outcome:
    """Run the hooks."""
    fields = {
        "tool_name": tool.name,
        "tool_input": tool.input,
        "tool_use_id": id,
        "error": said.error or said.text,
        "is_interrupt": said.interrupted,
    }
    return await firing.fire(EVENT, where, fields, *(("Task",) if tool.name == "Agent" else ()))
