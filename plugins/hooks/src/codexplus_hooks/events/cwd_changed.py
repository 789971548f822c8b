"""CwdChanged: Codex works in another directory than before."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "CwdChanged"


async def fire(firing: Firing, where: Where, old: str, new: str) -> Outcome:
    """Run the hooks; what they say has no effect."""
    return await firing.fire(EVENT, where, {"old_cwd": old, "new_cwd": new})
