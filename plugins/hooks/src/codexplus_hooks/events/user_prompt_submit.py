"""UserPromptSubmit: the human has said something; hooks may stop it or give the model context."""

from __future__ import annotations

from codexplus_core import Refusal

from ..firing import Firing, Where
from ..hook import PRE_INPUT
from ..outcome import Outcome
from ..wording import context_texts, stopped

EVENT = "UserPromptSubmit"


async def fire(firing: Firing, where: Where, prompt: str) -> tuple[list[str], Outcome]:
    """Run the hooks on the prompt as it was typed; the texts are for the model."""
    outcome = await firing.fire(EVENT, where, {"prompt": prompt})
    return context_texts(EVENT, outcome.context), outcome


async def rewrite(firing: Firing, where: Where, prompt: str) -> Outcome:
    """Run ``pre_input.py``, which may print another prompt."""
    return await firing.plain(PRE_INPUT, where, {"prompt": prompt})


def refusal(outcome: Outcome, prompt: str, event: str = EVENT) -> Refusal | None:
    """The no of a hook, in the recorded words; the prompt never reaches the model, now or later."""
    if outcome.denied:
        reason = outcome.reason or "no reason given"
        return Refusal(
            f"{event} operation blocked by hook:\n{reason}\n\nOriginal prompt: {prompt}", code="blocked_by_hook"
        )
    return Refusal(stopped(outcome), code="stopped_by_hook") if outcome.stopped else None
