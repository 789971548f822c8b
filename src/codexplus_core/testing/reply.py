"""What becomes of one scripted answer: its steps in time, its bytes, and what the client got of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..proxy.transport import Headers, UpstreamCut
from .interruption import interruption
from .rules import Chain
from .script import Answer, Asked, Break, Gate, Raw, Step
from .streams import Event, Ids, Item

ENDS = ("response.completed", "response.failed", "response.incomplete")


class Gates:
    """The silences that answers wait in; times count for nothing, only ``release`` ends one."""

    def __init__(self) -> None:
        self._released: set[str] = set()
        self._held: dict[str, list[asyncio.Future[None]]] = {}
        self.arrival = asyncio.Event()
        """Set whenever something comes, a request or an answer at a gate, and when a client leaves its answer."""

    def wait(self, name: str) -> asyncio.Future[None]:
        """A future that is done when the gate is released; done at once when it already was."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if name in self._released:
            future.set_result(None)
        else:
            self._held.setdefault(name, []).append(future)
            self.arrival.set()
        return future

    def release(self, name: str) -> None:
        """Open a gate for good."""
        self._released.add(name)
        for future in self._held.pop(name, []):
            if not future.done():
                future.set_result(None)

    def standing(self, name: str) -> bool:
        """Whether an answer waits at this gate."""
        return any(not future.done() for future in self._held.get(name, []))


@dataclass(slots=True)
class Received:
    """One request as it came, and what became of it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    raw: bytes
    decoded: bytes = b""
    body: Any = None
    answer: list[str] = field(default_factory=list)
    """What was sent: event types, ``raw``, ``gate:NAME``, ``cut``, or ``status 404``."""
    aborted: bool = False
    """The client went before the answer's end was sent."""
    connection: object | None = None
    """The WebSocket that it came on; None for HTTP."""
    conversation: list[Item] = field(default_factory=list)
    """What the model is asked to go on from: the responses it follows, then its own input."""

    def header(self, name: str) -> str | None:
        """The first header line of that name (any case)."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Cut(Exception):
    """The script wants the stream broken off; ``how`` is ``reset`` or ``close``."""

    def __init__(self, how: Literal["reset", "close"]) -> None:
        super().__init__(how)
        self.how = how


class Interrupted(Exception):
    """The client wants no more of this answer."""


class Reply:
    """The answer to one request, for whichever transport asks: a head, then steps, then the end."""

    def __init__(self, gates: Gates, ids: Ids, received: Received, answer: Answer, chain: Chain | None) -> None:
        self.status = answer.status
        self.received = received
        self.wire = answer.wire
        self._gates = gates
        self._answer = answer
        self._chain = chain
        self._waiting: asyncio.Future[None] | None = None
        self._done = False
        self._sent: list[Event] = []
        self._interrupted = False
        body = received.body if isinstance(received.body, dict) else {}
        self._steps: list[Step] = []
        if answer.body is not None:
            self._steps = [Raw(answer.body)]
        elif chain is not None:
            self._steps = answer.steps(Asked(body, chain.items, ids), chain.response_id)
        self.as_json = chain is not None and answer.body is None and body.get("stream") is not True
        kind = "application/json" if self.as_json else "text/event-stream; charset=utf-8"
        given = dict(answer.headers)
        own = {} if "content-type" in given else {"content-type": kind}
        self.headers: list[tuple[str, str]] = [*own.items(), *answer.headers]

    async def steps(self) -> AsyncIterator[dict[str, Any] | Raw]:
        """Events and raw bytes as they fall due; waits at gates.

        Raises Cut where the script breaks off, and Interrupted behind ``interrupt``.
        """
        if self.status != 200:
            self.received.answer.append(f"status {self.status}")
        for step in self._steps:
            if self._interrupted:
                raise Interrupted
            if isinstance(step, Gate):
                self.received.answer.append(f"gate:{step.name}")
                await self._pass(step.name)
            elif isinstance(step, Break):
                self.received.answer.append("cut")
                self._done = True
                raise Cut(step.how)
            elif isinstance(step, Raw):
                yield step
            else:
                self._note(step)
                yield step
        self._done = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes with the script's own boundaries."""
        if self.as_json:
            yield await self._whole()
            return
        held = b""
        try:
            async for step in self.steps():
                data = step.data if isinstance(step, Raw) else self.wire.frame(step)
                if self.wire.coalesce:
                    held += data
                elif self.wire.chunk:
                    for start in range(0, len(data), self.wire.chunk):
                        yield data[start : start + self.wire.chunk]
                elif data:
                    yield data
        except Cut:
            if held:
                yield held
            raise
        if held:
            yield held

    def close(self) -> None:
        """The client has gone."""
        if not self._done:
            self._done = True
            self.received.aborted = True
            self._gates.arrival.set()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(UpstreamCut("the answer was closed"))

    def interrupt(self, response_id: str) -> bool:
        """The client wants no more of this response; False where it is none that has begun and goes on."""
        if self._done or not self._sent or self._chain is None or self._chain.response_id != response_id:
            return False
        self._interrupted = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Interrupted())
        return True

    def interruption(self) -> list[Event]:
        """The end of a response that was interrupted; a later request may go on from what was finished of it."""
        events = interruption(self._sent)
        for event in events:
            self._note(event)
        if self._chain is not None:
            self._chain.complete = True
        return events

    async def _whole(self) -> bytes:
        response: Any = {}
        async for step in self.steps():
            if not isinstance(step, Raw) and "response" in step:
                response = step["response"]
        return json.dumps(response).encode()

    async def _pass(self, name: str) -> None:
        self._waiting = self._gates.wait(name)
        await self._waiting

    def _note(self, event: dict[str, Any]) -> None:
        self.received.answer.append(event["type"])
        self._sent.append(event)
        if self._chain is None:
            return
        if event["type"] == "response.output_item.done":
            self._chain.emitted.append(event["item"])
        elif event["type"] in ENDS:
            self._done = True
            self._chain.complete = event["type"] == "response.completed"


class InProcessAnswer:
    """A Reply as the relay reads an upstream's answer."""

    over = False
    """Only ``read`` tells the end."""

    def __init__(self, reply: Reply, finished: Callable[[Reply], None]) -> None:
        self.status = reply.status
        self.headers: Headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        self._reply = reply
        self._chunks = reply.chunks()
        self._finished = finished
        self._closed = False
        self._going = asyncio.Event()

    async def read(self) -> bytes:
        """The next scripted chunk; ``b""`` at the end."""
        if self._closed:
            raise UpstreamCut("the answer was closed")
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._finished(self._reply)
            return b""
        except Cut as cut:
            self._finished(self._reply)
            raise UpstreamCut("the scripted upstream broke off") from cut

    async def skim(self, take: object) -> bytes:
        """All of it, for nothing is passed on unseen here."""
        return await self.read()

    async def pipe(self, write: Callable[[bytes], bool], framed: object = None, passing: object = None) -> None:
        """Hand the scripted chunks to ``write``."""
        while data := await self.read():
            self._going.set()
            if not write(data):
                self._going.clear()
            await self._going.wait()

    def resume(self) -> None:
        """Go on after a ``write`` that returned False."""
        self._going.set()

    def close(self) -> None:
        """Drop the answer; remembered as an abort when its end had not been read."""
        self._closed = True
        self._reply.close()
        self._finished(self._reply)
