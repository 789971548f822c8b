"""StopFailure: the model's answer ended in an error; comes in the place of Stop."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "StopFailure"


async def fire(firing: Firing, where: Where, *, error: str, last: str) -> Outcome:
    """Run the hooks; what they say has no effect."""
    return await firing.fire(EVENT, where, {"error": error, "last_assistant_message": last})
