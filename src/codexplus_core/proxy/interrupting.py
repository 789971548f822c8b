"""A client that wants no more of an answer which comes over HTTP: the upstream's is aborted, and the end made here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..protocol.events import Event
from ..protocol.interruption import Interruption
from .known_answer import KnownAnswer
from .sources import EventSource
from .transport import Answer, UpstreamCut


class Interrupting:
    """Lets the client end one exchange's answer: ``now`` aborts what is under way upstream, and no round follows.

    What plugins do meanwhile goes on: a tool that runs has its effect, so the model is to know of it.
    """

    def __init__(self, model: str) -> None:
        self.response_id = ""
        """The client's id of the answer, once it wants no more of it."""
        self.answer = Interruption(model)
        self._opening: asyncio.Task[Any] | None = None
        self._reading: Answer | None = None

    def wanted(self) -> bool:
        """Whether the client wants the answer, as far as it has said."""
        return not self.response_id

    def now(self, response_id: str) -> None:
        """The client wants no more of its answer, which it knows by this id."""
        self.response_id = response_id
        if self._opening is not None:
            self._opening.cancel()
        if self._reading is not None:
            self._reading.close()

    async def opened(self, opening: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer's head; an empty answer where none is wanted any more. Raises as ``opening`` does."""
        if not self.wanted():
            opening.close()
            return _empty()
        self._opening = task = asyncio.get_running_loop().create_task(opening)
        try:
            return await task
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if not self.wanted() and (own is None or not own.cancelling()):
                return _empty()
            if task.done() and not task.cancelled() and task.exception() is None:
                task.result().close()  # it has come in the moment in which nobody waited any more
            raise
        finally:
            self._opening = None

    def events(self, answer: Answer, source: EventSource) -> EventSource:
        """What ``source`` reads of ``answer``, up to where the client wants no more, and then the end of it."""
        self.answer.begin()
        self._reading = answer
        if not self.wanted():
            answer.close()
        return _Interruptible(self, source)

    def note(self, events: list[Event]) -> None:
        """The client gets these."""
        for event in events:
            self.answer.note(event)
        if self.answer.ended:
            self._reading = None  # there is nothing left of it to abort


class _Interruptible:
    """The events of one round, and where the client wants no more, those that end it there."""

    def __init__(self, interrupting: Interrupting, source: EventSource) -> None:
        self.watch = source.watch
        self._interrupting = interrupting
        self._source = source
        self._ended_here = False

    async def next(self) -> list[Event] | None:
        """The events that have come; None after the end. Raises UpstreamCut."""
        if self._ended_here:
            return None
        answer = self._interrupting.answer
        if answer.ended:
            return await self._source.next()
        events = await self._upstreams()
        if events is None and not self._interrupting.wanted():
            self._ended_here = True
            events = answer.ending(self._interrupting.response_id)
        self._interrupting.note(events or [])
        return events

    async def _upstreams(self) -> list[Event] | None:
        if not self._interrupting.wanted():
            return None
        try:
            return await self._source.next()
        except UpstreamCut:
            if self._interrupting.wanted():
                raise
            return None


def _empty() -> Answer:
    return KnownAnswer(200, [(b"content-type", b"text/event-stream")], b"")
