"""PostToolUse: a tool has done its work; hooks may add to what the model reads of it, or put something in its place."""

from __future__ import annotations

from typing import Any

from ..firing import Firing, Where
from ..outcome import Outcome
from ..tools import Tool
from ..wording import context_texts, reminder

EVENT = "PostToolUse"


async def fire(firing: Firing, where: Where, tool: Tool, id: str, response: Any) -> Outcome:
    """Run the hooks; nobody here knows how long the tool took, so ``duration_ms`` is left out."""
    fields = {"tool_name": tool.name, "tool_input": tool.input, "tool_response": response, "tool_use_id": id}
    return await firing.fire(EVENT, where, fields, *(("Task",) if tool.name == "Agent" else ()))


def texts(outcome: Outcome, tool: Tool, event: str = EVENT) -> list[str]:
    """What the model reads behind the output: objections, then context."""
    name = f"{event}:{tool.name}"
    objections = [
        reminder(f'{name} hook blocking error from command: "{block.hook.command}": {block.reason}')
        for block in outcome.blocks
    ]
    return objections + context_texts(name, [each for each in outcome.context if not each.printed])
