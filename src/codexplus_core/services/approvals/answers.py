"""The answer to a question, said in the conversation: whose it is, what it settles, and what work goes on with."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ...conversation.record import Key
from .account import answered
from .database import Unusable
from .pending import Question, Standing
from .question import NOT_RUN, only_once, which
from .service import Approvals

_ANSWER = re.compile(r"(y|yes|n|no|a|always)(?:\s+(\d{4}))?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Said:
    """What a human's words say as an answer."""

    word: str
    code: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What an answer comes to: a ``reply`` to show, or the question whose prompt goes on."""

    reply: str = ""
    question: Question | None = None


def read_answer(words: str) -> Said | None:
    """The answer that these words are, None where they say anything else besides."""
    found = _ANSWER.fullmatch(words.strip())
    return None if found is None else Said(found[1][0].lower(), found[2] or "")


class Answers:
    """Takes the words of humans to the questions of their threads."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals
        self._questions = approvals.questions

    def take(self, standing: Standing, before: Key | None) -> Settled | None:
        """What the words of ``standing`` settle; None where they are for the model.

        ``before`` is the item of the human's words before these, where our reply was the whole answer to them: a bare
        "y" counts only straight after the question. Words that are no answer end what was asked in the thread.
        """
        try:
            open_ones = self._questions.of(standing.thread, standing.by)
            if not open_ones:
                return None
            said = read_answer(standing.prompt)
            settled = None if said is None else self._settle(standing, before, said, open_ones)
            if settled is None:
                self._questions.drop(standing.thread)
            return settled
        except Unusable as trouble:
            return Settled(f"Not run: your answer could not be kept ({trouble}).")

    def asked(self, standing: Standing, reply: str) -> None:
        """Note that the user is about to read ``reply``: the questions in it can be answered from now on."""
        for id, text in standing.asked:
            if text not in reply:
                continue
            # Where the disk does not take it the question stands there, and only a terminal can answer it.
            with contextlib.suppress(Unusable):
                self._questions.ask(id, standing.item)

    def _settle(
        self, standing: Standing, before: Key | None, said: Said, open_ones: Sequence[Question]
    ) -> Settled | None:
        again = next((one for one in open_ones if one.by == standing.by), None)
        if again is not None:
            return self._settled(again)  # the same words once more, after a break
        just_asked = [
            one for one in open_ones if before is not None and one.shown is not None and one.shown.means(before)
        ]
        if said.code:
            meant = [one for one in open_ones if one.code == said.code]
        else:
            meant = just_asked
        if not meant and not just_asked:
            return None
        if len(meant) != 1 or (not said.code and len(open_ones) > 1):
            return self._ask_again(standing, open_ones, which(open_ones))
        if said.word == "a" and not meant[0].always:
            return self._ask_again(standing, meant, only_once(meant[0]))
        return self._answered(standing, meant[0], said)

    def _ask_again(self, standing: Standing, questions: Sequence[Question], reply: str) -> Settled:
        with self._approvals.database.transaction() as db:
            for one in questions:
                self._questions.write(db, msgspec.structs.replace(one, shown=standing.item))
        return Settled(reply)

    def _answered(self, standing: Standing, question: Question, said: Said) -> Settled | None:
        with self._approvals.database.transaction() as db:
            now = self._questions.find(question.id)
            if now is None or now.state not in ("open", "queued"):
                return None  # another answer came first
            always = said.word == "a"
            if said.word != "n" and (always or not self._approvals.grants.allowed(now.digests, now.use)):
                pairs = [(key, bytes(raw)) for key, raw in zip(now.digests, now.proposals, strict=True)]
                use = "" if always else now.use
                self._approvals.grants.write(db, pairs, always=always, how="chat", question=now.id, use=use)
            word = {"y": "yes", "n": "no", "a": "always"}[said.word]
            done = self._questions.settle(db, now, answer=word, by=standing.by)
            self._approvals.tell(answered(now.about, now.id, word, how="chat", thread=standing.thread))
            waiting = next(iter(self._questions.of(standing.thread)), None)
            if waiting is None:
                return self._settled(done)
            # Behind a no the next one is asked; behind a yes the model speaks, and only its code can answer it.
            shown = standing.item if said.word == "n" else waiting.shown
            waiting = msgspec.structs.replace(waiting, state="open", shown=shown)
            self._questions.write(db, waiting)
        settled = self._settled(done)
        if said.word != "n":
            return settled
        return Settled(f"{settled.reply}\n\n{self._approvals.text_of(waiting, coded=True)}")

    def _settled(self, question: Question) -> Settled:
        return Settled(NOT_RUN) if question.answer == "no" else Settled(question=question)
