"""What a client is shown in one exchange, for the transcript: kept as it goes by, looked into by nobody here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..outcome import Outcome
from ..protocol.events import Event
from ..services.transcripts import Account

if TYPE_CHECKING:
    from .passage import Passage

SHOWN = frozenset({"response.output_item.done", "response.failed", "response.incomplete", "error"})
"""The events that say something whole; every item is in one of them."""
NOTED = frozenset(kind.encode() for kind in SHOWN)
KEPT = 4 << 20
"""Bytes of one exchange that are kept; of what comes beyond, only the number of items."""
_BODY = 64 * 1024


class Witness:
    """Keeps the bytes that the client gets, not copies of them. ``typed`` is what the human typed."""

    __slots__ = ("_room", "body", "body_size", "left_out", "shown", "typed")

    def __init__(self, typed: str | None) -> None:
        self.typed = typed
        self.shown: list[bytes] = []
        self.left_out = 0
        self.body = b""
        self.body_size = 0
        self._room = KEPT

    def events(self, events: Sequence[Event]) -> None:
        """Events go out."""
        for event in events:
            if event.type in SHOWN:
                payload = event.payload
                self._room -= len(payload)
                if self._room < 0:
                    self.left_out += 1
                else:
                    self.shown.append(payload)

    def raw(self, data: bytes) -> None:
        """Bytes of an answer go out that is no stream of events."""
        self.body_size += len(data)
        if len(self.body) < _BODY:
            self.body += data[: _BODY - len(self.body)]


def account_of(passage: Passage, witness: Witness, outcome: Outcome, at: float) -> Account:
    """The account of an exchange that is over; ``at`` is the time of day in seconds since 1970."""
    incoming, exchange, reading = passage.incoming, passage.exchange, passage.reading
    session, asked = exchange.session, passage.added is not None
    return Account(
        at=at,
        session=session.id,
        thread=session.thread_id,
        parent=session.parent_thread_id,
        turn=exchange.turn.id,
        origin=exchange.turn.origin,
        transport=incoming.transport,
        path=exchange.path,
        cwd="" if session.cwd is None else str(session.cwd),
        codex=session.codex_version,
        model=exchange.model,
        outcome=outcome,
        typed=witness.typed,
        shown=witness.shown,
        shown_left_out=witness.left_out,
        body=witness.body,
        body_size=witness.body_size,
        sent=None if not asked else reading.raw_items() if passage.sent is None else passage.sent.alone(),
        added=list(passage.added or ()) if passage.rounds > 1 else [],
        tools=tuple(exchange.added_tools),
    )
