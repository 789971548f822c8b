"""MessageDisplay: the user has read a message of the model's."""

from __future__ import annotations

from uuid import uuid4

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "MessageDisplay"


async def fire(firing: Firing, where: Where, text: str) -> Outcome:
    """Run the hooks; what they say has no effect."""
    fields = {"turn_id": where.prompt_id, "message_id": str(uuid4()), "index": 0, "final": True, "delta": text}
    return await firing.fire(EVENT, where, fields)
