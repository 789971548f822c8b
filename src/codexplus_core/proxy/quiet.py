"""The model's side of an exchange in whose answer nobody has a part: what is noted of it while it goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dispatch import Dispatcher
from ..protocol.events import Event
from ..protocol.limits import LIMITS, limits_of_event
from ..protocol.spent import in_all, usage_in
from ..protocol.tools import Usage
from .rounds import ENDS, READ
from .witness import NOTED

if TYPE_CHECKING:
    from .passage import Passage

_NOTHING = Usage()
_WITNESSED = ENDS | NOTED


def is_quiet(passage: Passage, dispatcher: Dispatcher) -> bool:
    """Whether the answer to a request may go by as it comes.

    Nothing of it is changed, held back or waited for, the client has got nothing of it yet, and the ledger need not
    know what the model said.
    """
    exchange, down = passage.exchange, passage.down
    if passage.link is not None or passage.interrupting is not None or down.started:
        return False
    if exchange.added_tools or passage.reading.ledger.decided_answers:
        return False
    if exchange.model != passage.body.text("model"):
        return False
    if exchange.turn.origin == "warmup":
        return True  # of which no plugin is told
    if dispatcher.has("on_tool_use") or dispatcher.has("on_turn_end"):
        return False
    watched = dispatcher.watched_types(exchange)
    return watched is not None and not watched


class Quiet:
    """What is known of such an answer, told event by event."""

    __slots__ = ("_down", "ended", "limits", "usage")

    def __init__(self, passage: Passage) -> None:
        self._down = passage.down
        self.ended = ""
        """The type of the event that ended the response, ``""`` while it goes on."""
        self.usage = _NOTHING
        """The tokens that it took."""
        self.limits: dict[str, str] = {}

    def types(self) -> frozenset[bytes]:
        """The event types to be told."""
        return ENDS if self._down.witness is None else _WITNESSED

    def note(self, event: Event) -> None:
        """The client gets one of these."""
        if self._down.witness is not None:
            self._down.witness.events((event,))
        if event.type == LIMITS:
            self.limits.update(limits_of_event(event.data))
        elif event.type in READ:
            if (spent := usage_in(event)) is not None:
                self.usage = spent if self.usage is _NOTHING else in_all(self.usage, spent)
            self.ended = event.type
