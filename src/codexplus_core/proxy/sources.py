"""Where the events of an answer come from: a body of server-sent events, a WebSocket's messages, another model."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from ..protocol.events import Event
from ..protocol.model_header import answered_by
from ..protocol.sse import Decoder
from .skim import Skim
from .transport import Answer, UpstreamCut


class EventSource(Protocol):
    """The events of one answer."""

    async def next(self) -> list[Event] | None:
        """The events that have come since the last call; None after the end. Raises UpstreamCut where it broke off."""
        ...

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Look for other event types from now on; None for all."""
        ...


_MARK = Event("", raw=b"", payload=b"")


class BodyEvents:
    """The events of an HTTP answer's body.

    What is of none of the ``types`` goes to ``passing`` unread, where that is given. An event without bytes stands for
    what went by like that.
    """

    def __init__(self, answer: Answer, types: frozenset[bytes] | None, passing: Skim | None = None) -> None:
        self._answer = answer
        self._decoder = Decoder(types)
        self._ended = False
        self._passing = passing
        self._skims = False
        self.watch(types)

    async def next(self) -> list[Event] | None:
        """The events of the next bytes; what is left over at the end comes last."""
        if self._ended:
            return None
        passing = self._passing if self._skims and self._decoder.idle else None
        before = 0 if passing is None else passing.count
        try:
            chunk = await (self._answer.read() if passing is None else self._answer.skim(passing))
        except UpstreamCut:
            self._ended = True
            raise
        decoder = self._decoder
        passed = passing is not None and passing.count != before
        if passed:
            decoder.begin()
        events = decoder.feed(chunk) if chunk else []
        if not chunk or self._answer.over:
            self._ended = True
            events += decoder.close()
        if passed:
            events.insert(0, _MARK)
        return events

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Look for other types."""
        self._skims = types is not None
        self._decoder.watch(types)
        if self._passing is not None:
            self._passing.watch(types)


class OtherModel:
    """The events of a model that a plugin chose, as if the one that the client asked had answered."""

    def __init__(self, source: EventSource, asked: str) -> None:
        self._source = source
        self._asked = asked
        source.watch(None)  # events of every type can name the model

    async def next(self) -> list[Event] | None:
        """The events that have come."""
        events = await self._source.next()
        return None if events is None else [answered_by(event, self._asked) for event in events]

    def watch(self, types: frozenset[bytes] | None) -> None:
        """All types are looked for already."""


class Waiting(Protocol):
    """Who is told how long the upstream was waited for."""

    upstream_s: float

    def first_byte_by(self, now: float) -> float:
        """When the client heard something first, ``now`` where it has not."""
        ...


class FirstTimed:
    """A source whose first events are waited for by the clock; after that it stands no longer in between."""

    def __init__(self, source: EventSource, waiting: Waiting, clock: Callable[[], float]) -> None:
        self.next: Callable[[], Coroutine[Any, Any, list[Event] | None]] = self._first
        """The events that have come."""
        self.watch = source.watch
        self._source = source
        self._waiting = waiting
        self._clock = clock

    async def _first(self) -> list[Event] | None:
        self.next = self._source.next
        since = self._clock()
        try:
            return await self._source.next()
        finally:
            # What goes by unread has reached the client before this returns.
            self._waiting.upstream_s += max(0.0, self._waiting.first_byte_by(self._clock()) - since)
