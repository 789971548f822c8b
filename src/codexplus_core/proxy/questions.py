"""Approvals in the conversation: a human's words as the answer to a question, and a reply that asks one."""

from __future__ import annotations

from ..conversation.reading import Reading
from ..conversation.record import Key
from ..exchange import LocalReply, Refusal
from ..services.approvals.answers import Answers
from ..services.approvals.pending import Standing
from ..services.approvals.service import Approvals
from .passage import Passage

# How Codex's one-shot runs name themselves; they end with the answer, so nobody can answer back.
_ALONE = "codex_exec"


class Questions:
    """What of a prompt and of its answer belongs to approvals."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals
        self._answers = Answers(approvals)

    def before(self, passage: Passage) -> LocalReply | None:
        """Take a new prompt that answers a question, before any plugin sees it.

        A no is answered here; after a yes the exchange goes on with the prompt that the question was about.
        """
        reading, exchange = passage.reading, passage.exchange
        standing = exchange._standing = _standing(passage)
        if standing is None or not standing.chat or self._approvals.out_of_band():
            # Also an answer to what was asked here before the administrator said so.
            return None
        settled = self._answers.take(standing, reading.answered_before())
        if settled is None:
            return None
        question = settled.question
        if question is None or question.item is None:
            return LocalReply(settled.reply)
        standing.prompt, standing.root, standing.use = question.prompt, question.item, question.use
        exchange.prompt = exchange.prompt_as_typed = question.prompt
        reading.meant = question.item
        return None

    def after(self, passage: Passage, decision: LocalReply | Refusal | None) -> None:
        """Note what the user is about to be asked."""
        standing = passage.exchange._standing
        if standing is not None and isinstance(decision, LocalReply) and isinstance(decision.text, str):
            self._answers.asked(standing, decision.text)


def _standing(passage: Passage) -> Standing | None:
    reading = passage.reading
    prompt, key, thread = reading.new_prompt, reading.key, reading.speaker.thread
    if prompt is None or key is None:
        return None
    place = f"{thread}|{reading.speaker.turn}|{_name(key)}" if thread else ""
    return Standing(
        thread=thread,
        item=key,
        prompt=prompt.text,
        root=key,
        use=place,
        by=place,
        chat=bool(thread) and prompt.proven and _by_a_human(reading),
        alone=passage.exchange.headers.get("originator") == _ALONE,
    )


def _by_a_human(reading: Reading) -> bool:
    return reading.origin == "user" and reading.speaker.origin == "user"


def _name(key: Key) -> str:
    return f"{key.id or ''}|{key.epoch}|{key.content}|{key.ordinal}"
