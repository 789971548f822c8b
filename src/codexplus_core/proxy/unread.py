"""What of a model's answer goes out unread: it matters only once there is a call, or the model is made to go on."""

from __future__ import annotations

from collections.abc import Iterator

from ..protocol import calls
from ..protocol.events import Event
from ..protocol.splice import WATCHED
from .shown_items import DONE

_FOLLOWED = frozenset(name.decode() for name in WATCHED)
_OTHERS = Event("", raw=b"", payload=b"")
"""Stands for any number of events that nobody follows."""


class Unread:
    """Keeps those events of a round that a Splicer and a ledger would have followed, in order, to be read later.

    ``judges`` says that somebody is asked about calls, so that none of them goes by.
    """

    __slots__ = ("_events", "_judges")

    def __init__(self, *, judges: bool) -> None:
        self._events: list[Event] = []
        self._judges = judges

    def takes(self, event: Event) -> bool:
        """Keep an event; False where it holds a call that somebody is to be asked about."""
        if event.type not in _FOLLOWED:
            if not self._events or self._events[-1] is not _OTHERS:
                self._events.append(_OTHERS)
        elif self._judges and event.type == DONE and calls.makes_one(event.payload):
            return False
        else:
            self._events.append(event)
        return True

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    @property
    def holds_call(self) -> bool:
        """Whether a call has gone by that the client is to answer."""
        return any(event.type == DONE and calls.makes_one(event.payload) for event in self._events)
