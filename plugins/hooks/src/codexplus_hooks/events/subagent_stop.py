"""SubagentStop: a sub-agent is done; hooks may make it go on, as with Stop."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "SubagentStop"


async def fire(firing: Firing, where: Where, *, active: bool, last: str) -> Outcome:
    """Run the hooks."""
    fields = {"stop_hook_active": active, "agent_transcript_path": "", "last_assistant_message": last}
    return await firing.fire(EVENT, where, fields)
