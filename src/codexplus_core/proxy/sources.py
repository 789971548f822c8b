"""Where the events of an answer come from: a body of server-sent events, a WebSocket's messages, another model."""

from __future__ import annotations

import re
from typing import Protocol

from ..protocol.events import Event
from ..protocol.model_header import answered_by
from ..protocol.sse import Decoder
from .transport import Answer, Take, UpstreamCut


class EventSource(Protocol):
    """The events of one answer."""

    async def next(self) -> list[Event] | None:
        """The events that have come since the last call; None after the end. Raises UpstreamCut where it broke off."""
        ...

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Look for other event types from now on; None for all."""
        ...


# One event as the API frames it; all else is taken apart with care by the decoder.
_ONE = re.compile(rb"event: (.+)\ndata: .*\n\n")
_MARK = Event("", raw=b"", payload=b"")


class BodyEvents:
    """The events of an HTTP answer's body.

    What is of none of the ``types`` goes to ``passing`` unread, where that is given. An event without bytes stands for
    what went by like that.
    """

    def __init__(self, answer: Answer, types: frozenset[bytes] | None, passing: Take | None = None) -> None:
        self._answer = answer
        self._types = types
        self._decoder = Decoder(types)
        self._ended = False
        self._passing = passing
        self._passed = False

    async def next(self) -> list[Event] | None:
        """The events of the next bytes; what is left over at the end comes last."""
        if self._ended:
            return None
        skims = self._passing is not None and self._types is not None and self._decoder.idle
        try:
            chunk = await (self._answer.skim(self._take) if skims else self._answer.read())
        except UpstreamCut:
            self._ended = True
            raise
        self._ended = not chunk
        events = self._decoder.feed(chunk) if chunk else self._decoder.close()
        if self._passed:
            self._passed = False
            events.insert(0, _MARK)
        return events

    def _take(self, data: bytes, start: int, size: int) -> bool:
        # Called for every event, so the most usual one, alone and in the API's own words, comes first.
        types, passing = self._types, self._passing
        if types is None or passing is None:
            return False
        one = _ONE.match(data, start)
        if one is not None and one.end() == start + size:
            if one[1] in types:
                return False
        else:
            # A type is spelled out in its event, and no event goes beyond its chunk here.
            for name in types:
                if name in data:
                    return False
        if not passing(data, start, size):
            return False
        self._passed = True
        return True

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Look for other types."""
        self._types = types
        self._decoder.watch(types)


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
