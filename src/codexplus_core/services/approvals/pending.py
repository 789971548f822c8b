"""Questions that wait for an answer: which thread was asked what, and how long its answer counts."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ...conversation.record import Key
from .database import Database
from .proposal import Proposal, digest, dump, load

ANSWER_S = 300.0
"""Seconds in which a question can be answered in its conversation."""
KEEP_S = 7 * 86400.0
"""Seconds in which it can be answered from the command line."""
KEEP = 200
"""Questions that are kept; a project that asks without end pushes out the oldest."""

State = Literal["noted", "open", "queued", "answered", "dropped"]


class Question(msgspec.Struct, frozen=True):
    """One question.

    ``noted`` ones can be answered from the command line only; of a thread's others one is ``open`` and the rest is
    ``queued`` behind it. ``shown`` is the item of the human's words that it was the answer to; ``item``, ``prompt`` and
    ``use`` belong to the prompt that work goes on with. ``answer`` and ``by`` are what was said, and by which item.
    """

    id: str
    code: str
    asked: float
    digests: tuple[str, ...]
    proposals: tuple[msgspec.Raw, ...]
    state: State = "noted"
    thread: str = ""
    alone: bool = False
    always: bool = True
    shown: Key | None = None
    item: Key | None = None
    prompt: str = ""
    use: str = ""
    answer: str = ""
    by: str = ""

    @property
    def about(self) -> list[Proposal]:
        """What is asked."""
        return [load(bytes(raw)) for raw in self.proposals]


@dataclass(slots=True)
class Standing:
    """Where the human's words of an exchange stand: their thread, their item, and the prompt that they mean.

    ``use`` names the prompt for one-time answers, ``chat`` tells whether an answer may come the same way, ``alone``
    whether the client ends with this answer (``codex exec``). ``asked`` are the questions that it has raised so far.
    """

    thread: str
    item: Key
    prompt: str
    root: Key
    use: str
    by: str
    chat: bool
    alone: bool
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(id, the text that was handed out)."""


class Pending:
    """The questions of all threads, on disk. All methods raise Unusable."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def note(self, proposals: Sequence[Proposal], *, always: bool, standing: Standing | None = None) -> Question:
        """Keep a question, so that it has an id; the same one again, in the same place, is the old one."""
        digests = tuple(digest(proposal) for proposal in proposals)
        place = standing.use if standing is not None else ""
        for old in self.kept():
            if (old.digests, old.use) == (digests, place) and old.state == "noted":
                return old
        question = Question(
            id=secrets.token_hex(4),
            code=f"{secrets.randbelow(10_000):04}",
            asked=self._clock(),
            digests=digests,
            proposals=tuple(msgspec.Raw(dump(proposal)) for proposal in proposals),
            always=always,
        )
        if standing is not None:
            question = msgspec.structs.replace(
                question, thread=standing.thread, alone=standing.alone, item=standing.root, prompt=standing.prompt,
                use=standing.use,
            )  # fmt: skip
        with self._database.transaction() as db:
            self.write(db, question)
            db.execute("DELETE FROM question WHERE asked < ?", (self._clock() - KEEP_S,))
            newest = "SELECT id FROM question ORDER BY asked DESC LIMIT ?"
            db.execute(f"DELETE FROM question WHERE id NOT IN ({newest}) AND id != ?", (KEEP, question.id))
        return question

    def ask(self, id: str, shown: Key) -> None:
        """Let a question be answered in its thread: at once, or when those before it are."""
        with self._database.transaction() as db:
            question = self.find(id)
            if question is None or question.state != "noted":
                return
            others = self.of(question.thread)
            state: State = "queued" if others else "open"
            self.write(db, msgspec.structs.replace(question, state=state, shown=shown, asked=self._clock()))

    def write(self, db: sqlite3.Connection, question: Question) -> None:
        """Keep a question as it is now, within a transaction."""
        value = msgspec.json.encode(question)
        row = (question.id, question.thread, question.asked, value, self._database.seal("question", question.id, value))
        db.execute("INSERT OR REPLACE INTO question VALUES (?, ?, ?, ?, ?)", row)

    def settle(self, db: sqlite3.Connection, question: Question, *, answer: str, by: str) -> Question:
        """Keep what was answered, within a transaction."""
        done = msgspec.structs.replace(question, state="answered", answer=answer, by=by)
        self.write(db, done)
        return done

    def find(self, id: str) -> Question | None:
        """The question with this id, as long as it is kept."""
        found = self._sound(self._database.rows(f"{_SELECT} WHERE id = ?", id))
        return next((question for question in found if self._since(question) < KEEP_S), None)

    def kept(self) -> list[Question]:
        """Every question without an answer, the oldest first."""
        found = self._sound(self._database.rows(f"{_SELECT} ORDER BY asked, id"))
        return [one for one in found if one.state != "answered" and self._since(one) < KEEP_S]

    def of(self, thread: str, by: str = "") -> list[Question]:
        """The questions that can be answered in a thread now; those that ``by`` has answered already among them."""
        if not thread:
            return []
        found = self._sound(self._database.rows(f"{_SELECT} WHERE thread = ? ORDER BY asked, id", thread))
        return [
            one
            for one in found
            if one.thread == thread
            and (one.state in ("open", "queued") or (by and one.by == by))
            and -60 <= self._since(one) < ANSWER_S
        ]

    def drop(self, thread: str) -> None:
        """The human speaks of something else: what was asked in the thread can no longer be answered there."""
        if not self.of(thread):
            return
        with self._database.transaction() as db:
            for question in self.of(thread):
                self.write(db, msgspec.structs.replace(question, state="dropped"))

    def _since(self, question: Question) -> float:
        return self._clock() - question.asked

    def _sound(self, rows: Iterable[tuple[str, bytes, bytes]]) -> list[Question]:
        found = []
        for id, value, seal in rows:
            if self._database.sound("question", id, value, seal):
                found.append(msgspec.json.decode(value, type=Question))
        return found


_SELECT = "SELECT id, value, seal FROM question"
