"""PreCompact: the conversation is about to be put into fewer words; a hook may forbid it."""

from __future__ import annotations

from codexplus_core import Refusal

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "PreCompact"


async def fire(firing: Firing, where: Where, trigger: str) -> Outcome:
    """Run the hooks; ``trigger`` is ``manual`` or ``auto``."""
    return await firing.fire(EVENT, where, {"trigger": trigger, "custom_instructions": None})


def refusal(outcome: Outcome) -> Refusal | None:
    """The no of a hook, as recorded."""
    if not outcome.denied:
        return None
    return Refusal(f"Compaction blocked by PreCompact hook: {outcome.reason}", code="blocked_by_hook")
