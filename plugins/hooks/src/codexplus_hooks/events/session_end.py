"""SessionEnd: nothing has come of the session for a long time, the proxy stops, or Codex said so itself."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "SessionEnd"


async def fire(firing: Firing, where: Where, reason: str = "other") -> Outcome:
    """Run the hooks; what they say has no effect."""
    return await firing.fire(EVENT, where, {"reason": reason})
