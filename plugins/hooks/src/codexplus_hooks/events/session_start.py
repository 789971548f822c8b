"""SessionStart: a session begins, is taken up again, or goes on after a compaction; hooks give the model context."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome
from ..wording import context_texts

EVENT = "SessionStart"

_SOURCES = {"fork": "resume"}  # a fork goes on with what was said; Claude Code has no other word for it


async def fire(firing: Firing, where: Where, source: str, model: str = "") -> tuple[list[str], Outcome]:
    """Run the hooks; the texts are for the model. Neither exit code 2 nor ``continue: false`` has an effect."""
    source = _SOURCES.get(source, source)
    outcome = await firing.fire(EVENT, where, {"source": source, "model": model})
    texts = context_texts(EVENT, outcome.context, printed_as=f"{EVENT}:{source}")
    if outcome.initial_message:
        # Claude Code makes a turn of its own of it; here it comes with the first one.
        texts.append(outcome.initial_message)
    return texts, outcome
