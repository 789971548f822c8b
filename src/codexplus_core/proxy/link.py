"""The upstream's side of a WebSocket that we read along: requests up, one at a time, and the answers' messages."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from wsproto.utilities import RemoteProtocolError

from ..conversation.lineage import Lineage, joined
from ..protocol.body import RequestBody
from ..protocol.errors import upstream_failure
from ..protocol.events import Event
from ..protocol.messages import (
    ENDINGS,
    about,
    as_message,
    error_frame,
    event_of,
    goes_on,
    item_of,
    response_id_of,
    status_of,
)  # fmt: skip
from .frames import Frames
from .handshake import agreed, check_answer, own_offer
from .silence import Silence
from .skim_socket import SocketSkim
from .transport import Answer, Headers, Upgraded, Upstream, UpstreamCut, UpstreamError, UpstreamRequest

_DONE = "response.output_item.done"
_CREATED = "response.created"
# What an answer's two ends have to know of it, whoever looks: SocketAnswer here, SocketDownstream at the client's.
_READ = frozenset(kind.encode() for kind in (_DONE, _CREATED, *ENDINGS))

Handshake = Callable[[], Awaitable[Upgraded | Answer]]
"""Sends a handshake: a connection, or the answer that refuses it."""


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
        self._begun = self._ended = False
        self._passing: SocketSkim | None = None

    async def next(self) -> list[Event] | None:
        """The events that have come, None after the one that ended the response. Raises UpstreamCut."""
        if self._ended:
            # Only now: the end itself has been shown.
            self._link.rest()
            return None
        passing = self._passing
        before = 0 if passing is None else passing.count
        messages = await self._link.frames.read_all(passing)
        if not messages:
            return self._broken_off()
        self._begun = True
        events: list[Event] = []
        if passing is not None and passing.count != before:
            events.append(Event("", raw=b"", payload=b""))  # stands for what went by
        for at, message in enumerate(messages):
            event = event_of(message, framed=self._link.framed)
            events.append(event)
            if event.type == _DONE:
                self._items.append(item_of(event))
            elif event.type == _CREATED:
                self._link.named(response_id_of(event))
            elif event.type in ENDINGS:
                self._ended = True
                self._link.frames.put_back(messages[at + 1 :])
                if goes_on(event):
                    self._link.lineage.said(response_id_of(event), joined(*self._items))
                else:
                    # The API drops what a failed response went on from; the whole conversation is always legal.
                    self._link.lineage.forget()
                    self.status = status_of(event) or 200
                break
        return events

    def _broken_off(self) -> list[Event]:
        link = self._link
        if not link.silent:
            raise UpstreamCut("the upstream ended its WebSocket within an answer")
        words = f"{link.host} said nothing on its WebSocket for {link.silent:g} s; try again later"
        error = UpstreamError("timeout", words)
        if self._begun or link.framed:
            raise UpstreamCut(str(error))
        # The client has heard nothing of this answer yet, so it can be told why none comes.
        if link.on_silent is not None:
            link.on_silent(error)
        failure = upstream_failure(error.kind, str(error))
        self._ended, self.status = True, failure.status
        return [event_of(error_frame(failure.status, failure.body(), {}))]

    def watch(self, types: frozenset[bytes] | None) -> None:
        """Let messages of other types go by unread; None for none, as it is at first.

        An event without bytes stands for what went by like that.
        """
        self._passing = None if types is None else self._link.skim
        if self._passing is not None and types is not None:
            self._passing.watch(types | _READ)

    def close(self) -> None:
        """Drop the answer: there is no way to stop it but to end the connection."""
        if self._ended:
            self._link.rest()
        else:
            self._link.drop()


class Link:
    """An upstream that agreed to speak WebSocket. ``framed`` makes events for a client that does not.

    ``reopen`` sends the handshake again: whoever has it asks on a new connection where the old one has ended.
    """

    def __init__(
        self, upgraded: Upgraded, *, framed: bool = False, reopen: Handshake | None = None, host: str = "the upstream"
    ) -> None:
        self.headers = upgraded.headers
        self.framed = framed
        self.host = host
        self.lineage = Lineage()
        self.on_gone: Callable[[], None] | None = None
        """Called when the connection has ended, whoever ended it."""
        self.frames = self._joined(upgraded)
        self.dropped = False
        """We have ended the connection ourselves; the next question opens a new one."""
        self.silent = 0.0
        """Seconds in which the upstream said nothing, where that is why we have ended it."""
        self.on_silent: Callable[[UpstreamError], None] | None = None
        """Called where the client is told so."""
        self._silence: Silence | None = None
        self.unasked: Callable[[bytes], None] | None = None
        """Gets what the upstream says of its own accord, between answers."""
        self.response_id = ""
        """The upstream's id of the newest response of this exchange, ``""`` until it has told one."""
        self._reopen = reopen
        self._answering = False
        self._told: RequestBody | None = None
        self.skim: SocketSkim | None = None
        """The shortest way to the client, for the answer under way."""

    async def ask(self, body: bytes, items: bytes, asked: Asked | None = None) -> SocketAnswer:
        """Send a request: ``body`` in HTTP's form, with all ``items`` of the conversation; only new ones go up.

        ``asked`` is the client's own message, where nothing in it was changed: it goes up as it is, if the upstream
        knows the response it goes on from as the client does. Raises UpstreamError where no connection is to be had,
        and UpstreamCut where the upstream wants no further one.
        """
        if self.frames.gone:
            await self._join_again()
        if asked is not None and (not asked.previous or self.lineage.after(asked.previous) == asked.before):
            message = asked.wire
        else:
            previous, new = self.lineage.going_on(items)
            message = as_message(body, new, previous)
        self._answering = True
        self.response_id = ""
        self._waiting_ends()
        self._silence = Silence(self.frames.heard, self._give_up)
        if not self.frames.write(message):
            await self.frames.drain()
        return SocketAnswer(self, items)

    def begin(self, skim: SocketSkim) -> None:
        """Note that the client's next answer begins: what was told so far is not about it."""
        self.response_id, self._told, self.skim = "", None, skim

    def tell(self, message: RequestBody, *, ended: bool) -> bool:
        """Send a message about the client's answer as one about the upstream's own response; False where to drain.

        While the upstream has begun none it waits for that, and a further round gets it as well: to the client they all
        are one answer. About one that has ended, and that the upstream had no part in, there is nothing to tell.
        """
        if not ended:
            self._told = message
            if not self._answering:
                return True
        return not self.response_id or self.frames.write(about(message, self.response_id))

    def named(self, response_id: str) -> None:
        """Note what the upstream calls the response that begins."""
        self.response_id = response_id
        if self._told is not None:
            self.tell(self._told, ended=False)

    def _give_up(self, seconds: float) -> None:
        self.silent = seconds
        self.drop()

    def _waiting_ends(self) -> None:
        if self._silence is not None:
            self._silence.end()
            self._silence = None

    def drop(self) -> None:
        """End the connection at once, for a reason of ours."""
        if not self.frames.gone:
            self.dropped = True
            self.frames.abort()

    def _joined(self, upgraded: Upgraded) -> Frames:
        with _broken(upgraded):
            deflate = agreed(upgraded.headers)
        frames = Frames(upgraded.socket, server=False, deflate=deflate)
        frames.on_unread = self._unread
        frames.on_gone = self._gone
        return frames

    async def _join_again(self) -> None:
        # The upstream may end an idle connection at any time, also while a plugin makes the client's request wait, or
        # right behind an answer that asks for a further round. Nothing was asked there yet, so nothing is asked twice.
        if self._reopen is None:
            raise UpstreamError("connect", "the upstream has ended its WebSocket; try again")
        answer = await self._reopen()
        if not isinstance(answer, Upgraded):
            answer.close()
            # Only an answer to the client's own handshake can say why.
            raise UpstreamCut(f"the upstream ended its WebSocket, and answered {answer.status} to the next handshake")
        self.frames = self._joined(answer)
        self.dropped, self.silent = False, 0.0
        self.lineage.forget()

    def rest(self) -> None:
        """Note that an answer is over, and pass on what came behind it: the next answer begins with its own words."""
        self._answering = False
        self._waiting_ends()
        self._unread()

    def _gone(self) -> None:
        self._waiting_ends()
        if self.on_gone is not None:
            self.on_gone()

    def _unread(self) -> None:
        if self._answering:
            return
        for message in self.frames.take():
            if self.unasked is not None:
                self.unasked(message)


async def connect(upstream: Upstream, url: str, headers: Headers, *, framed: bool = False) -> Link | Answer:
    """Open a link; the upstream's answer where it refuses. Raises UpstreamError."""

    async def handshake() -> Upgraded | Answer:
        offer = own_offer(headers)
        answer = await upstream.connect(UpstreamRequest("GET", url, offer))
        if isinstance(answer, Upgraded):
            with _broken(answer):
                check_answer(offer, answer.headers)
        return answer

    answer = await handshake()
    if not isinstance(answer, Upgraded):
        return answer
    return Link(answer, framed=framed, reopen=handshake, host=urlsplit(url).hostname or "the upstream")


@contextlib.contextmanager
def _broken(upgraded: Upgraded) -> Iterator[None]:
    try:
        yield
    except (RemoteProtocolError, ValueError) as error:
        upgraded.socket.abort()
        raise UpstreamError("protocol", f"the upstream's WebSocket handshake is broken: {error}") from None
