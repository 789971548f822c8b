"""What the user has allowed: always, or once."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from .database import Database
from .proposal import Proposal, digest, dump, load

ONCE_S = 3600.0
"""Seconds that a one-time yes waits to be used."""
KEEP_S = 90 * 86400.0
"""Seconds that a used or expired yes is remembered, to show what changed since."""

How = Literal["chat", "command line", "project"]


class Grant(msgspec.Struct, frozen=True):
    """One yes to one proposal.

    ``expires`` is None for always. ``use`` says what a one-time yes belongs to, ``""`` while it is unused: that place
    may come again with it (a retry), no other one may. ``how`` is where the user said it, ``question`` the id that was
    answered.
    """

    id: str
    digest: str
    made: float
    expires: float | None
    how: How
    question: str
    proposal: msgspec.Raw
    use: str = ""

    @property
    def always(self) -> bool:
        """True for what need not be asked again."""
        return self.expires is None

    @property
    def allows(self) -> Proposal:
        """What it is a yes to."""
        return load(bytes(self.proposal))


class Grants:
    """Every yes, on disk; nothing is answered from memory, so a withdrawal in another process counts at once.

    All methods raise Unusable.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def allow(
        self, proposals: Iterable[Proposal], *, always: bool, how: How, question: str = "", use: str = ""
    ) -> list[Grant]:
        """Keep a yes to each proposal as it is now; it is on disk when this returns."""
        with self._database.transaction() as db:
            pairs = [(digest(proposal), dump(proposal)) for proposal in proposals]
            return self.write(db, pairs, always=always, how=how, question=question, use=use)

    def write(
        self,
        db: sqlite3.Connection,
        asked: Iterable[tuple[str, bytes]],
        *,
        always: bool,
        how: How,
        question: str,
        use: str = "",
    ) -> list[Grant]:
        """Keep a yes to each digest within a transaction; ``asked`` are (digest, proposal as it is kept)."""
        now = self._clock()
        expires = None if always else now + ONCE_S
        made = [
            Grant(secrets.token_hex(4), key, now, expires, how, question, msgspec.Raw(data), use)
            for key, data in dict(asked).items()
        ]
        for grant in made:
            self._keep(db, grant)
        before = now - KEEP_S
        for old in self._sound(db.execute(f"{_SELECT} WHERE made < ?", (before,)).fetchall()):
            if old.expires is not None:
                db.execute("DELETE FROM granted WHERE id = ?", (old.id,))
        return made

    def granted(self, digests: Sequence[str], use: str) -> bool:
        """Whether all of these are allowed; if so, one-time answers among them are used up, by exactly one caller.

        ``use`` names the place that asks: what it has used up already it need not use up again.
        """
        plan = self._plan(digests, use)
        if not plan:
            return plan is not None
        with self._database.transaction() as db:
            # Another task or process may have come first.
            plan = self._plan(digests, use)
            for grant in plan or ():
                self._keep(db, msgspec.structs.replace(grant, use=use or f"once {secrets.token_hex(8)}"))
        return plan is not None

    def allowed(self, digests: Sequence[str], use: str, *, always: bool = False) -> bool:
        """Whether all of these are allowed, or allowed ``always``; uses up nothing."""
        plan = self._plan(digests, use)
        return plan is not None and not (always and plan)

    def for_good(self, digests: Sequence[str]) -> bool:
        """Whether all of these need not be asked again."""
        return self._plan(digests, "") == []

    def live(self) -> list[Grant]:
        """Every yes that still counts, the oldest first."""
        found = self._sound(self._database.rows(f"{_SELECT} ORDER BY made, id"))
        return [grant for grant in found if self._counts(grant) and (grant.always or not grant.use)]

    def revoke(self, id: str) -> list[Grant]:
        """Withdraw the yes with this id, or all that answered the question of this id."""
        with self._database.transaction() as db:
            found = self._sound(db.execute(_SELECT).fetchall())
            gone = [grant for grant in found if id in (grant.id, grant.question) and self._counts(grant)]
            # One that somebody altered is no yes, but it need not stay.
            db.executemany("DELETE FROM granted WHERE id = ?", [(id,), *((grant.id,) for grant in gone)])
        return [grant for grant in gone if grant.always or not grant.use]

    def earlier(self, proposal: Proposal) -> Grant | None:
        """The newest yes to a thing of the same name from the same file, when it was another one."""
        now = digest(proposal)
        found = self._sound(self._database.rows(f"{_SELECT} ORDER BY made DESC, id"))
        return next((grant for grant in found if grant.digest != now and _same_thing(grant.allows, proposal)), None)

    def _plan(self, digests: Sequence[str], use: str) -> list[Grant] | None:
        """The one-time answers to use up; None where something is not allowed."""
        plan = []
        for key in dict.fromkeys(digests):
            found = self._sound(self._database.rows(f"{_SELECT} WHERE digest = ? ORDER BY made, id", key))
            ours = [grant for grant in found if grant.digest == key and self._counts(grant)]
            if any(grant.always or (use and grant.use == use) for grant in ours):
                continue
            unused = next((grant for grant in ours if not grant.use), None)
            if unused is None:
                return None
            plan.append(unused)
        return plan

    def _counts(self, grant: Grant) -> bool:
        return grant.expires is None or grant.made - 60 <= self._clock() < grant.expires

    def _keep(self, db: sqlite3.Connection, grant: Grant) -> None:
        value = msgspec.json.encode(grant)
        seal = self._database.seal("granted", grant.id, value)
        row = (grant.id, grant.digest, grant.made, value, seal)
        db.execute("INSERT OR REPLACE INTO granted VALUES (?, ?, ?, ?, ?)", row)

    def _sound(self, rows: Iterable[tuple[str, bytes, bytes]]) -> list[Grant]:
        found = []
        for id, value, seal in rows:
            if not self._database.sound("granted", id, value, seal):
                continue
            found.append(msgspec.json.decode(value, type=Grant))
        return found


_SELECT = "SELECT id, value, seal FROM granted"


def _same_thing(one: Proposal, other: Proposal) -> bool:
    here = None if other.project is None else other.project.resolve()
    named = (one.kind, one.scope, one.title, one.source) == (other.kind, other.scope, other.title, str(other.source))
    return named and one.project == here
