"""The upstream's side of a WebSocket that we read along: requests up, one at a time, and the answers' messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from ..conversation.lineage import Lineage, joined
from ..protocol.events import Event
from ..protocol.messages import ENDINGS, as_message, event_of, item_of, response_id_of, status_of
from .frames import Frames
from .handshake import agreed, own_offer
from .transport import Answer, Headers, Upgraded, Upstream, UpstreamCut, UpstreamError, UpstreamRequest

_DONE = "response.output_item.done"


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's message: its bytes, all items it stands for, and the response that it goes on from."""

    wire: bytes
    items: bytes
    previous: str = ""
    before: bytes = b""
    """The items up to the end of that response."""


class SocketAnswer:
    """One response's events on a connection that goes on after it; it is both the answer and its events' source."""

    def __init__(self, link: Link, sent: bytes) -> None:
        self.status = 200
        """200, or what the upstream's error message says at its end."""
        self.headers: Headers = []
        self._link = link
        self._items = [sent]
        self._ended = False

    async def next(self) -> list[Event] | None:
        """The events that have come, None after the one that ended the response. Raises UpstreamCut."""
        if self._ended:
            # Only now: the end itself has been shown.
            self._link.rest()
            return None
        messages = await self._link.frames.read_all()
        if not messages:
            raise UpstreamCut("the upstream ended its WebSocket within an answer")
        events: list[Event] = []
        for at, message in enumerate(messages):
            event = event_of(message, framed=self._link.framed)
            events.append(event)
            if event.type == _DONE:
                self._items.append(item_of(event))
            elif event.type in ENDINGS:
                self._ended = True
                self._link.frames.put_back(messages[at + 1 :])
                if event.type == "response.completed":
                    self._link.lineage.said(response_id_of(event), joined(*self._items))
                else:
                    # The API drops what a failed response went on from; the whole conversation is always legal.
                    self._link.lineage.forget()
                    self.status = status_of(event) or 200
                break
        return events

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Every message is an event by itself, so nothing depends on who looks."""

    def close(self) -> None:
        """Drop the answer: there is no way to stop it but to end the connection."""
        if self._ended:
            self._link.rest()
        else:
            self._link.frames.abort()


class Link:
    """An upstream that agreed to speak WebSocket. ``framed`` makes events for a client that does not."""

    def __init__(self, upgraded: Upgraded, deflate: PerMessageDeflate | None, *, framed: bool = False) -> None:
        self.headers = upgraded.headers
        self.framed = framed
        self.lineage = Lineage()
        self.frames = Frames(upgraded.socket, server=False, deflate=deflate)
        self.frames.on_unread = self._unread
        self.unasked: Callable[[bytes], bool] | None = None
        """Gets what the upstream says of its own accord, between answers."""
        self._answering = False

    async def ask(self, body: bytes, items: bytes, asked: Asked | None = None) -> SocketAnswer:
        """Send a request: ``body`` in HTTP's form, with all ``items`` of the conversation; only new ones go up.

        ``asked`` is the client's own message, where nothing in it was changed: it goes up as it is, if the upstream
        knows the response it goes on from as the client does. Raises UpstreamError where the connection has ended.
        """
        if self.frames.gone:
            raise UpstreamError("connect", "the upstream has ended its WebSocket; try again")
        if asked is not None and (not asked.previous or self.lineage.after(asked.previous) == asked.before):
            message = asked.wire
        else:
            previous, new = self.lineage.going_on(items)
            message = as_message(body, new, previous)
        self._answering = True
        if not self.frames.write(message):
            await self.frames.drain()
        return SocketAnswer(self, items)

    def rest(self) -> None:
        """Note that an answer is over, and pass on what came behind it: the next answer begins with its own words."""
        self._answering = False
        self._unread()

    def _unread(self) -> None:
        if self._answering:
            return
        for message in self.frames.take():
            if self.unasked is not None:
                self.unasked(message)


async def connect(upstream: Upstream, url: str, headers: Headers, *, framed: bool = False) -> Link | Answer:
    """Open a link; the upstream's answer where it refuses. Raises UpstreamError."""
    answer = await upstream.connect(UpstreamRequest("GET", url, own_offer(headers)))
    if not isinstance(answer, Upgraded):
        return answer
    try:
        return Link(answer, agreed(answer.headers), framed=framed)
    except (RemoteProtocolError, ValueError) as error:
        answer.socket.abort()
        raise UpstreamError("protocol", f"the upstream's WebSocket handshake is broken: {error}") from None
