"""Stop and SubagentStop: the model is done; hooks may make it go on, eight times at most."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "Stop"
MOST = 8
"""How often hooks may make the model go on in one turn, as recorded; what they say then has no effect."""


async def fire(firing: Firing, where: Where, *, active: bool, last: str) -> Outcome:
    """Run the hooks; ``active`` is True where the model goes on only because of one."""
    fields = {
        "stop_hook_active": active,
        "last_assistant_message": last,
        "background_tasks": [],
        "session_crons": [],
    }
    return await firing.fire(EVENT, where, fields)


def words(outcome: Outcome, event: str = EVENT) -> str | None:
    """What the model reads as the next message, None where it may stop."""
    if not outcome.denied:
        return None
    return f"{event} hook feedback:\n" + "\n".join(block.reason for block in outcome.blocks)
