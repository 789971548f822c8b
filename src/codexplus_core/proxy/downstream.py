"""The client's side of one exchange: the head, the events, and something to hear while it has to wait."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol, TypeVar

from ..protocol import replies
from ..protocol.events import Event
from ..protocol.splice import ENDINGS
from .client import Client
from .news import News
from .passthrough import send_end
from .skim import Skim
from .tap import Tap
from .transport import Headers
from .witness import Witness

T = TypeVar("T")
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

STREAM_HEADERS: Headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
KEEPALIVE_S = 4.0
"""Seconds of silence that we cause before the client gets a keep-alive event."""
STOP_S = 3.0
"""Seconds that work which was cancelled has to stop: more than a plugin's call gets, so that a plugin is named."""


class Downstream(Protocol):
    """How an answer reaches the client, whatever the transport."""

    started: bool
    status: int
    bytes_out: int
    first_byte_at: float | None
    each_event: bool
    """Whether every event goes out by itself, so that a run of them cannot be passed on as it came."""
    begun: str
    """The id of the response whose ``created`` we had to send ourselves, ``""`` if none."""
    witness: Witness | None
    """Who notes what goes out, None where nobody does."""

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head; once."""
        ...

    async def write(self, events: Sequence[Event]) -> None:
        """Send events, each in its own bytes."""
        ...

    async def raw(self, data: bytes) -> None:
        """Send body bytes that nobody looks into."""
        ...

    @property
    def passing(self) -> Skim | None:
        """The shortest way for events in which nobody looks, None where there is none."""
        return None

    def tap(self, types: frozenset[bytes], note: Callable[[Event], None]) -> Tap | None:
        """A shorter way for an answer in which nothing is changed, None where there is none."""
        return None

    async def finish(self) -> None:
        """End the answer well."""
        ...

    async def wait(self, work: Awaitable[T], news: News | None = None) -> T:
        """Wait for our own work; a client that would have to wait long is kept alive meanwhile, and told the news."""
        ...


class KeptAlive(ABC):
    """What both kinds of downstream do alike: count, and keep a client alive while it has to wait for us."""

    def __init__(
        self, *, ids: replies.IdSource, clock: Callable[[], float], streams: bool, model: str, keepalive_s: float
    ) -> None:
        self._ids = ids
        self._clock = clock
        self._streams = streams
        self._model = model
        self._keepalive_s = keepalive_s
        self.started = False
        self.status = 0
        self.bytes_out = 0
        self.first_byte_at: float | None = None
        self.each_event = False
        self.begun = ""
        self.witness: Witness | None = None

    @abstractmethod
    async def start(self, status: int, headers: Headers) -> None:
        """Send the head; once."""

    @abstractmethod
    async def write(self, events: Sequence[Event]) -> None:
        """Send events."""

    @property
    def passing(self) -> Skim | None:
        """None: whatever goes out here is seen by us."""
        return None

    def tap(self, types: frozenset[bytes], note: Callable[[Event], None]) -> Tap | None:
        """None, for the same reason."""
        return None

    def count(self, size: int) -> None:
        """Note that bytes go out."""
        if self.first_byte_at is None:
            self.first_byte_at = self._clock()
        self.bytes_out += size

    async def wait(self, work: Awaitable[T], news: News | None = None) -> T:
        """Wait for our own work, sending a keep-alive event whenever it takes long, and ``news`` when there are any.

        Nothing is sent for clients that do not stream. Before the head the first keep-alive, or line, brings it, with a
        ``response.created`` of ours: Codex counts idle time from its own request on. Work that is cancelled and does
        not stop in ``STOP_S`` is left behind: it must not keep the exchange, and with it the proxy, from ending.
        """
        task = asyncio.ensure_future(work)
        news = news if self._streams else None
        try:
            # Most of it is done in one go, and needs no timer.
            await asyncio.sleep(0)
            if task.done():
                return task.result()
            while True:
                both: set[asyncio.Future[Any]] = {task} if news is None else {task, news.said()}
                done, _ = await asyncio.wait(both, timeout=self._keepalive_s, return_when=asyncio.FIRST_COMPLETED)
                if task in done:
                    return task.result()
                if news is not None and done:
                    await self._begin(news)
                    await self.write(news.events())
                elif self._streams:
                    await self._begin(news)
                    await self.write([replies.keepalive(self.begun, self._model)])
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=STOP_S)

    async def _begin(self, news: News | None) -> None:
        if not self.started:
            await self.start(200, STREAM_HEADERS)
            self.begun = replies.response_id(self._ids)
            created = replies.created(self.begun, self._model)
            await self.write([created if news is None else news.splicer.own(created)])


class HttpDownstream(KeptAlive):
    """An answer over HTTP, as server-sent events."""

    def __init__(
        self,
        send: Send,
        *,
        ids: replies.IdSource,
        clock: Callable[[], float],
        streams: bool,
        model: str,
        keepalive_s: float,
        client: Client | None = None,
    ) -> None:
        super().__init__(ids=ids, clock=clock, streams=streams, model=model, keepalive_s=keepalive_s)
        self._send = send
        self._client = client

    @property
    def passing(self) -> Skim | None:
        """The server's own shorter way, where it has one and the head is out."""
        return None if self._client is None or not self.started else Skim(self, self._client)

    def tap(self, types: frozenset[bytes], note: Callable[[Event], None]) -> Tap | None:
        """From the upstream's transfer to the server's connection, where it is one of ours."""
        return None if self._client is None else Tap(self, self._client, types, note)

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head; a second one, after a keep-alive had to send the first, is left out."""
        if self.started:
            return
        self.started = True
        self.status = status
        if self._client is not None:
            self._client.start(status, headers)
        else:
            await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, events: Sequence[Event]) -> None:
        """Send events in one piece."""
        if events:
            if self.witness is not None:
                self.witness.events(events)
            data = events[0].raw if len(events) == 1 else b"".join([event.raw for event in events])
            # An event without bytes stands for what went out another way.
            if data:
                await self._body(data, last=events[-1].type in ENDINGS)

    async def raw(self, data: bytes) -> None:
        """Send body bytes."""
        if self.witness is not None:
            self.witness.raw(data)
        await self._body(data)

    async def _body(self, data: bytes, *, last: bool = False) -> None:
        self.count(len(data))
        client = self._client
        if client is None or client.paused or client.gone:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
        elif client.way is None or not data:
            client.write(data)
        else:
            # The body's end most often follows at once, and goes into the same write.
            (client.hold if last else client.way)(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        """Send the end of the body, to a client that reads too slowly once it has read on."""
        slow = self._client is not None and self._client.paused
        await send_end(self._send, None if slow else self._client)
