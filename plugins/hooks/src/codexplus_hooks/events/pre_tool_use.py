"""PreToolUse: the model wants a tool; hooks may forbid it, change its input, or tell the model something beside."""

from __future__ import annotations

from ..answer import outcome_of
from ..firing import Firing, Where
from ..outcome import Outcome
from ..tools import Tool
from ..wording import context_texts

EVENT = "PreToolUse"

_ALIASES = {"Agent": ("Task",)}


async def fire(firing: Firing, where: Where, tool: Tool, id: str, *, own: bool = False) -> Outcome:
    """Run the hooks on a call, before Codex has it; with ``own`` those of a project are left out."""
    fields = {"tool_name": tool.name, "tool_input": tool.input, "tool_use_id": id}
    return await firing.fire(EVENT, where, fields, *_ALIASES.get(tool.name, ()), own=own)


def changed_by_project(outcome: Outcome) -> bool:
    """Whether a hook of a project has changed the input; the user's own hooks have not seen that one."""
    return any(not ran.hook.trusted and outcome_of(ran).updated_input is not None for ran in outcome.ran)


def denial(outcome: Outcome, tool: Tool) -> str:
    """What the model is told of a call that a hook forbade."""
    by_exit_code = outcome.blocks[-1].by_exit_code if outcome.blocks else False
    if by_exit_code:
        return f"{EVENT}:{tool.name} hook error: {outcome.reason}"
    return outcome.reason or f"Hook {EVENT}:{tool.name} denied this tool"


def texts(outcome: Outcome, tool: Tool) -> list[str]:
    """What stands behind the call's output."""
    return context_texts(f"{EVENT}:{tool.name}", [each for each in outcome.context if not each.printed])
