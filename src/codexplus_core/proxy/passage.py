"""One model request on its way: what came in, what is known of it, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..conversation.reading import Reading
from ..conversation.speaker import Speaker
from ..exchange import Exchange, Transport
from ..outcome import Outcome
from ..protocol.body import RequestBody
from ..protocol.pieces import Pieces
from ..protocol.tools import Usage
from ..services.sessions import Thread
from .downstream import Downstream
from .interrupting import Interrupting
from .link import Asked, Link
from .transport import Headers


class Incoming(msgspec.Struct):
    """A guarded request: head, wire bytes, and who speaks. ``path`` and ``query`` are as on the wire, without token.

    ``seen`` is what plugins see of the headers.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    seen: Mapping[str, str]
    wire: bytes
    speaker: Speaker
    chatgpt: bool
    received_at: float
    transport: Transport = "http"


class Passage(msgspec.Struct):
    """What is known of one request while it goes through."""

    incoming: Incoming
    body: RequestBody
    thread: Thread
    reading: Reading
    exchange: Exchange
    down: Downstream
    link: Link | None = None
    """The upstream's WebSocket where the request goes up on one."""
    asked: Asked | None = None
    """The client's message where the request came on one."""
    interrupting: Interrupting | None = None
    """Whether the client wants no more of the answer, where it can say so and the upstream cannot be told."""
    answered_by: str = "upstream"
    error: str | None = None
    complete: bool = False
    sent: Pieces | None = None
    added: list[bytes] | None = None
    """What the rounds so far put behind it; None where the model was not asked."""
    usage: Usage = Usage()
    rounds: int = 0
    decided_s: float = 0.0
    """Seconds before the answer's first byte that plugins took to decide."""
    upstream_s: float = 0.0
    """Seconds before the answer's first byte that the upstream was waited for."""
    refusal: str = ""
    """The code of the refusal that answered it."""
    limits: dict[str, str] = msgspec.field(default_factory=dict)
    """What the upstream said of the account's limits."""

    def first_byte_by(self, now: float) -> float:
        """When the client heard something first, ``now`` where it has not."""
        return now if self.down.first_byte_at is None else min(now, self.down.first_byte_at)

    def outcome(self, now: float) -> Outcome:
        """How it ended, for plugins; ``now`` is the time of its last byte."""
        down, began = self.down, self.incoming.received_at
        return Outcome(
            status=down.status,
            answered_by=self.answered_by,
            error=self.error,
            usage=self.usage,
            rounds=self.rounds,
            first_byte_s=None if down.first_byte_at is None else down.first_byte_at - began,
            total_s=now - began,
            bytes_in=len(self.incoming.wire),
            bytes_out=down.bytes_out,
            decided_s=self.decided_s,
            upstream_s=self.upstream_s,
            refusal=self.refusal,
            limits=self.limits,
        )
