"""SubagentStart: the model has sent a sub-agent to work; hooks may give it context."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome
from ..wording import context_texts

EVENT = "SubagentStart"


async def fire(firing: Firing, where: Where) -> tuple[list[str], Outcome]:
    """Run the hooks; the texts are for the sub-agent."""
    outcome = await firing.fire(EVENT, where, {})
    return context_texts(EVENT, [each for each in outcome.context if not each.printed]), outcome
