"""The approvals as plugins have them in ``core.approvals``, and as the command line answers them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ...audit_event import AuditEvent
from ...budget import pause
from ...exchange import Exchange, LocalReply, Session
from ..problem import Problem
from .account import answered, asked, revoked
from .database import Database, Report, Unusable
from .grants import Grant, Grants
from .pending import Pending, Question, Standing
from .proposal import Granted, Proposal, Verdict, digest
from .question import in_chat, not_allowed, offers_always, question_text

REMEMBERED = 256
"""Proposals whose digests are remembered."""

ELSEWHERE = "Your administrator wants such questions answered in a terminal; an answer here does not count."


def _untold(_event: AuditEvent) -> None:
    return


def _silent(_event: str, _fields: dict[str, Any]) -> None:
    return


class Approvals:
    """Asks the user, and knows what was answered.

    A plugin hands ``require`` what it is about to do and either gets on with it or returns the question:

        answer = await core.approvals.require(exchange, [proposal])
        if isinstance(answer, LocalReply):
            return answer

    After a yes the same hook is called again, with the same prompt. Ask before you do anything, and for all at once:
    what you did before asking is done again. Where nobody can be asked, ``check`` says at once whether it is allowed.
    Everything lies in ``home`` (``approvals.db``, ``approvals.key``); without one it is forgotten with this object.
    """

    def __init__(
        self, home: Path | None = None, *, report: Report = _silent, clock: Callable[[], float] = time.time
    ) -> None:
        self._report = report
        self.database = Database(home, report)
        self.grants = Grants(self.database, clock)
        self.questions = Pending(self.database, clock)
        self.tell: Callable[[AuditEvent], None] = _untold
        """Gets what is asked and answered; a Problem that it raises keeps an answer of a terminal from counting."""
        self._digests: dict[tuple[Proposal, str | None], str] = {}
        self.out_of_band: Callable[[], bool] = lambda: False
        """Whether questions are answered in a terminal only (``approvals.outOfBand``)."""

    @property
    def home(self) -> Path | None:
        """Where they lie, None where they are forgotten with this object."""
        return None if self.database.path is None else self.database.path.parent

    # -- for plugins

    async def require(self, exchange: Exchange, proposals: Sequence[Proposal]) -> Granted | LocalReply:
        """Granted where the user has allowed every one of these, one-time answers being used up; else the question.

        Return the question from ``on_request`` or as a command's answer, in its own words. Where an answer cannot come
        back in this conversation it says how to allow it from a terminal.
        """
        async with pause():
            standing = exchange._standing
            use = standing.use if isinstance(standing, Standing) else ""
            digests = tuple(dict.fromkeys(digest(proposal) for proposal in proposals))
            try:
                if self.grants.granted(digests, use):
                    return Granted(digests)
                missing = self._missing(proposals, use)
                return self._ask(missing, standing if isinstance(standing, Standing) else None)
            except Unusable as trouble:
                return LocalReply(f"Not run: what you have allowed cannot be looked up ({trouble}).")

    def check(self, proposals: Sequence[Proposal], *, session: Session | None = None) -> Verdict:
        """Whether these are allowed, for places where nobody can be asked; one-time answers are used up.

        The message of a no says how to allow it beforehand. Never asks in the conversation: an answer there would be
        to something that the user did not see. ``session`` is whose work it is; a yes does not depend on it.
        """
        digests = tuple(dict.fromkeys(map(self._digest, proposals)))
        try:
            if self.grants.granted(digests, ""):
                return Verdict(True)
            missing = self._missing(proposals, "")
            question = self.questions.note(missing, always=offers_always(missing))
            self.tell(asked(missing, question.id, session=session, chat=False))
        except Unusable as trouble:
            return Verdict(False, f"not allowed: what was allowed cannot be looked up ({trouble})")
        return Verdict(False, not_allowed(question), question.id)

    def allowed(self, proposals: Sequence[Proposal], *, always: bool = False) -> bool:
        """Whether these are allowed now: nobody is asked, no answer is used up.

        That is to show it, not to do it; what is allowed for good (``always``: only that counts) may be done, too.
        """
        digests = tuple(dict.fromkeys(map(self._digest, proposals)))
        try:
            return self.grants.allowed(digests, "", always=always)
        except Unusable:
            return False

    def close_questions(self, settled: Callable[[Proposal], bool]) -> None:
        """Close the questions that are about nothing any more: all that they ask is ``settled``.

        For what is gone, or is asked about anew because it has changed. Raises Problem.
        """
        with _told():
            for question in self.questions.kept():
                if all(map(settled, question.about)):
                    self.tell(revoked(question.id, by="whoever asked"))
                    with self.database.transaction() as db:
                        self.questions.settle(db, question, answer="no", by="whoever asked")

    # -- for people

    def pending(self) -> list[Question]:
        """Questions that can still be answered with ``allow``, the oldest first. Raises Problem.

        Without those to which a yes for good was said elsewhere: it is an answer to them all.
        """
        with _told():
            return [one for one in self.questions.kept() if not self.grants.for_good(one.digests)]

    def list(self) -> list[Grant]:
        """Every yes that counts, the oldest first. Raises Problem."""
        with _told():
            return self.grants.live()

    def find(self, id: str) -> Question | None:
        """The question with this id. Raises Problem."""
        with _told():
            return self.questions.find(id)

    def allow(self, id: str, *, always: bool = False) -> Sequence[Grant]:
        """Say yes to a question, once or for good. Raises Problem where there is none with this id."""
        with _told():
            question = self.questions.find(id)
            if question is None:
                raise Problem(f"{id}: no such question, or older than a week; codex-plus approvals list shows them")
            pairs = [(key, bytes(raw)) for key, raw in zip(question.digests, question.proposals, strict=True)]
            self.tell(answered(question.about, id, "always" if always else "yes", how="command line"))
            with self.database.transaction() as db:
                made = self.grants.write(db, pairs, always=always, how="command line", question=id)
                if question.state in ("noted", "dropped"):
                    # One that is open in a conversation stays so: a "y" there makes the work go on.
                    self.questions.settle(db, question, answer="yes", by="command line")
        return made

    def allow_now(self, proposals: Iterable[Proposal]) -> Sequence[Grant]:
        """Say yes for good to proposals as they are now, unasked. Raises Problem."""
        with _told():
            found = list(proposals)
            self.tell(answered(found, "", "always", how="project"))
            return self.grants.allow(found, always=True, how="project")

    def revoke(self, id: str) -> Sequence[Grant]:
        """Withdraw the yes with this id, or every yes to the question of this id. Raises Problem."""
        with _told():
            if self.questions.find(id) is not None or any(id in (one.id, one.question) for one in self.grants.live()):
                self.tell(revoked(id))
            gone = self.grants.revoke(id)
            question = self.questions.find(id)
            if question is not None and question.state != "answered":
                with self.database.transaction() as db:
                    self.questions.settle(db, question, answer="no", by="command line")
            elif not gone:
                raise Problem(f"{id}: nothing was allowed under this id; codex-plus approvals list shows what was")
        return gone

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    # -- within

    def text_of(self, question: Question, *, first: str = "", coded: bool = False) -> str:
        """The words of a question. Raises Unusable."""
        earlier = {}
        for proposal, key in zip(question.about, question.digests, strict=True):
            if (before := self.grants.earlier(proposal)) is not None:
                earlier[key] = before.allows
        return question_text(question, earlier=earlier, first=first, coded=coded)

    def _ask(self, missing: Sequence[Proposal], standing: Standing | None) -> LocalReply:
        elsewhere = self.out_of_band()
        may = standing is not None and standing.chat and not elsewhere and not in_chat(missing)
        question = self.questions.note(missing, always=offers_always(missing), standing=standing if may else None)
        self.tell(asked(missing, question.id, thread=standing.thread if standing is not None else "", chat=may))
        if standing is None or not may:
            text = self.text_of(question)
            return LocalReply(f"{text}\n\n{ELSEWHERE}" if elsewhere else text)
        others = [other.id for other in self.questions.of(standing.thread)]
        text = self.text_of(question, first=others[0] if others else "")
        standing.asked.append((question.id, text))
        return LocalReply(text)

    def _digest(self, proposal: Proposal) -> str:
        """Its digest, remembered as long as the project's path leads to the same place: a hook's is asked for often."""
        real = None if proposal.project is None else os.path.realpath(proposal.project)
        try:
            known = self._digests.get((proposal, real))
        except TypeError:
            return digest(proposal)  # somebody made it of lists
        if known is None:
            if len(self._digests) >= REMEMBERED:
                self._digests.clear()
            known = self._digests[proposal, real] = digest(proposal, real=real)
        return known

    def _missing(self, proposals: Sequence[Proposal], use: str) -> Sequence[Proposal]:
        return [one for one in proposals if not self.grants.allowed([digest(one)], use)] or proposals


class _told:
    """Turns trouble with the file into a Problem."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unusable):
            raise Problem(str(error)) from error
