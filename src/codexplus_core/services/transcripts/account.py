"""One exchange as it is handed over to be written down: values and the bytes that went over the wire."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...outcome import Outcome


class Account(msgspec.Struct, frozen=True):
    """What is known of one exchange at its end.

    ``at`` is when it ended, in seconds since 1970. ``typed`` is the human's text as it came, None where nobody typed
    anything new. ``shown`` are the payloads of the events that the client got and that say something whole: items,
    failures; ``body`` is the beginning of an answer that is no stream of events, ``body_size`` the length of all of it.
    ``sent`` is the model's view in pieces of one or more items, None where the model was not asked; ``added`` what
    further rounds put behind it. ``tools`` names those that plugins added. Nothing in here is redacted yet.
    """

    at: float
    session: str
    thread: str
    parent: str | None
    turn: str
    origin: str
    transport: str
    path: str
    cwd: str
    codex: str
    model: str
    outcome: Outcome
    typed: str | None = None
    shown: list[bytes] = msgspec.field(default_factory=list)
    shown_left_out: int = 0
    body: bytes = b""
    body_size: int = 0
    sent: Sequence[bytes] | None = None
    added: list[bytes] = msgspec.field(default_factory=list)
    tools: tuple[str, ...] = ()

    @property
    def file_of(self) -> str:
        """The id whose file this belongs to: the session's, or the thread's for clients that name no session."""
        return self.session or self.thread
