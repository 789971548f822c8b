"""PostCompact: the conversation is in fewer words now."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "PostCompact"


async def fire(firing: Firing, where: Where, trigger: str, summary: str) -> Outcome:
    """Run the hooks; ``summary`` is ``""`` where the backend keeps it encrypted."""
    return await firing.fire(EVENT, where, {"trigger": trigger, "compact_summary": summary})
