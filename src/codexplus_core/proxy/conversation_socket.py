"""A client's WebSocket that we read along: one message after the other through the relay."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ..conversation.lineage import Lineage, joined
from ..conversation.speaker import Speaker, speaker_of
from ..protocol import replies
from ..protocol.body import MalformedBody, RequestBody
from ..protocol.errors import error_body
from ..protocol.events import Event
from ..protocol.messages import CREATE, INTERRUPT, as_request, error_frame, items_of
from ..services.log import request_id
from .answering import answered
from .downstream_socket import SocketDownstream
from .frames import Frames
from .handshake import http_headers
from .headers import view
from .inbox import Inbox
from .interrupting import Interrupting
from .link import Asked, Link
from .passage import Incoming
from .passthrough import ClientGone, Hangup
from .relay import Relay
from .skim_socket import SocketSkim
from .transport import Headers, UpstreamCut

_AWAY = 1001


@dataclass(frozen=True, slots=True)
class Means:
    """What every conversation needs."""

    relay: Relay
    log: Any
    ids: replies.IdSource
    clock: Callable[[], float]
    keepalive_s: float


class Conversation:
    """One client connection, with the upstream's (``link``), or without one where requests go up over HTTP."""

    def __init__(
        self, means: Means, client: Frames, link: Link | None, *, path: bytes, query: bytes, headers: Headers
    ) -> None:
        self._means = means
        self._client = client
        self._link = link
        self._path = path
        self._query = query
        self._headers = headers
        self._seen = view(headers)
        self._lineage = Lineage()
        self._id, self._requests = request_id.get(), itertools.count(1)
        self._answering = False
        self._down: SocketDownstream | None = None
        self._told = ""  # the client's id of its last answer
        self._interrupting: Interrupting | None = None
        self._closing: set[asyncio.Task[None]] = set()
        if link is not None:
            link.on_gone = self._upstream_gone
            link.unasked = self._pass_on

    async def run(self, draining: asyncio.Event) -> None:
        """Answer messages until the client or the upstream leaves, or the proxy is to end."""
        client, link = self._client, self._link
        inbox = Inbox(client, self._hand_on)
        drained = asyncio.ensure_future(draining.wait())
        drained.add_done_callback(inbox.wake)
        try:
            while not client.gone and not draining.is_set():
                if (message := await inbox.next()) is None:
                    continue
                self._answering = True
                await self._message(message)
                self._answering = False
                if link is not None and link.frames.gone:
                    self._upstream_gone()  # it has left while nobody could tell the client
            client.close(_AWAY, "the proxy is stopping")
        except UpstreamCut as cut:
            self._means.log.warning("upstream_cut", path=self._path.decode("latin-1"), message=str(cut))
            self._end_like_upstream()
        except ClientGone:
            self._means.log.debug("client_gone", path=self._path.decode("latin-1"))
        finally:
            drained.remove_done_callback(inbox.wake)
            drained.cancel()
            if not client.gone:
                client.abort()
            if link is not None:
                self._end_like_client(link)
                # Links that lead back would keep both conversations' texts until the collector comes.
                link.on_gone = link.unasked = link.on_silent = link.skim = None
            await asyncio.gather(*self._closing)

    # -- messages

    def _hand_on(self, message: RequestBody) -> bool:
        kind, link = message.text("type"), self._link
        if not kind or kind == CREATE:
            return False
        told = self._told if self._down is None else self._down.told
        if link is None:
            if kind != INTERRUPT:
                return False
            # One about an answer that has ended has met its end on the way.
            if self._interrupting is not None and told and message.text("response_id") == told:
                self._interrupting.now(told)
            return True
        # Whatever it is, it is between Codex and its upstream, and may be about the answer that is under way.
        if told and message.text("response_id") == told:
            ready = link.tell(message, ended=self._down is None)
        else:
            ready = link.frames.write(message.data)
        if not ready:
            self._client.rest_until(link.frames.drain)
        return True

    async def _message(self, body: RequestBody | MalformedBody) -> None:
        try:
            if isinstance(body, MalformedBody):
                raise body
            if (kind := body.text("type")) != CREATE:
                if not kind:
                    # An upstream that is less exact than we are might take it for a request, unseen by any plugin.
                    raise MalformedBody("the message has no type")
                await self._error(400, error_body("unknown_type", f"the type {kind[:40]!r} is not known over HTTP"))
                return
            previous = body.text("previous_response_id")
            before = self._lineage.after(previous) if previous else b""
            if before is None:
                await self._error(400, _unknown(previous))
                return
            items = joined(before, items_of(body))
            await self._request(body, Asked(body.data, items, previous, before))
        except MalformedBody as bad:
            await self._error(400, error_body("malformed_body", str(bad)))

    async def _request(self, message: RequestBody, asked: Asked) -> None:
        means = self._means
        request_id.set(f"{self._id}.{next(self._requests)}")
        speaker = self._speaker(message)
        body = RequestBody(as_request(message, asked.items), means.relay.beginnings(speaker))
        model = body.text("model")
        down = SocketDownstream(
            self._client, self._lineage, asked.items,
            ids=means.ids, clock=means.clock, model=model, keepalive_s=means.keepalive_s,
        )  # fmt: skip
        if self._link is None and body.value("generate") is False:
            # Nothing is to be warmed up over HTTP.
            await self._warm(down, model)
            return
        headers = http_headers(self._headers, message.metadata)
        incoming = Incoming(
            method="POST",
            path=self._path,
            query=self._query,
            headers=headers,
            seen=view(headers),
            wire=body.data,
            speaker=speaker,
            chatgpt="chatgpt-account-id" in self._seen,
            received_at=means.clock(),
            transport="websocket",
        )
        interrupting = Interrupting(model) if self._link is None else None
        passage = means.relay.begin(incoming, body, down, link=self._link, asked=asked, interrupting=interrupting)
        self._down, self._interrupting = down, interrupting
        if self._link is not None:
            self._link.begin(SocketSkim(down, self._client))
        try:
            with Hangup(_never, self._client):
                await answered(means.relay, passage, means.log)
            await down.finish()
        finally:
            self._told, self._down, self._interrupting = down.told, None, None
            # Beside the next message, as over HTTP: the client has its answer and does not wait for a plugin's notes.
            closing = asyncio.get_running_loop().create_task(means.relay.close(passage))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _speaker(self, message: RequestBody) -> Speaker:
        # The handshake's headers are its warm-up's; every message says for itself who speaks.
        own = {key.lower(): value for key, value in message.metadata.items() if isinstance(value, str) and value}
        speaker = speaker_of({**self._seen, **own})
        if speaker.origin == "warmup" and message.value("generate") is not False:
            # One that says nothing must not pass for the warm-up, of which no plugin is told.
            return msgspec.structs.replace(speaker, origin="user")
        return speaker

    async def _warm(self, down: SocketDownstream, model: str) -> None:
        id = replies.response_id(self._means.ids)
        begun = replies.created(id, model)
        response = {**(begun.data or {})["response"], "status": "completed"}
        await down.write([begun, Event("response.completed", {"response": response, "sequence_number": 1})])

    async def _error(self, status: int, body: bytes) -> None:
        if not self._client.write(error_frame(status, body, {})):
            await self._client.drain()

    def _pass_on(self, message: bytes) -> None:
        if not self._client.write(message) and self._link is not None:
            self._link.frames.rest_until(self._client.drain)

    # -- the end

    def _upstream_gone(self) -> None:
        # What we ended ourselves is no end of the client's; its next message opens another connection.
        if not self._answering and not (self._link is not None and self._link.dropped):
            self._end_like_upstream()

    def _end_like_client(self, link: Link) -> None:
        client = self._client
        if client.close_code is not None and not self._answering:
            link.frames.close(client.close_code, client.close_reason)
        else:
            link.frames.abort()

    def _end_like_upstream(self) -> None:
        frames = self._link.frames if self._link is not None else None
        if frames is not None and frames.close_code is not None:
            self._client.close(frames.close_code, frames.close_reason)
        else:
            self._client.end()


def _unknown(previous: str) -> bytes:
    words = f"Previous response with id '{previous}' not found."
    return error_body("previous_response_not_found", words, param="previous_response_id")


async def _never() -> Any:
    raise AssertionError("the client's own way is listened to")
