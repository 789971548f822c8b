"""WebSocket in: the handshake with the upstream first, then a tunnel, or a conversation where somebody reads along."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import MutableMapping
from typing import Any

from ..conversation.speaker import speaker_of
from ..protocol.errors import error_body, upstream_failure
from ..services.settings import WebSockets
from .client import SOCKET, Upgrade
from .conversation_socket import Conversation, Means
from .frames import Frames
from .guard import Admitted
from .handshake import accepted, is_whole, tunnel_answer, tunnelled
from .headers import view
from .link import Link, connect
from .passthrough import ClientGone, Hangup, Receive, Send
from .target import Targets, endpoint
from .transport import Answer, Headers, Upgraded, Upstream, UpstreamCut, UpstreamError, UpstreamRequest
from .tunnel import Tunnel
from .unreachable import Unreachable

_ERROR_BYTES = 64 * 1024
_JSON = b"application/json"
_TOLD = (b"content-type", b"content-encoding", b"retry-after")


class WebSocketProxy:
    """Answers guarded WebSocket handshakes."""

    def __init__(
        self,
        *,
        means: Means,
        upstream: Upstream,
        targets: Targets,
        unreachable: Unreachable,
        mode: WebSockets = "auto",
    ) -> None:
        self._means = means
        self._upstream = upstream
        self._targets = targets
        self._unreachable = unreachable
        self._mode = mode
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Take no further connection, and end those that are idle, now or later."""
        self._draining.set()

    async def __call__(self, scope: MutableMapping[str, Any], admitted: Admitted, receive: Receive, send: Send) -> None:
        """Answer one handshake, and carry what comes after it."""
        upgrade: Upgrade | None = scope.get("extensions", {}).get(SOCKET)
        if upgrade is None or self._mode == "off" or self._draining.is_set():
            await _use_http(send)
        elif endpoint(admitted.path) != b"/responses":
            await _answer(send, 404, error_body("not_found", "there is a WebSocket at /v1/responses only"))
        elif not is_whole(scope["headers"]):
            await _answer(send, 400, error_body("handshake", "no WebSocket handshake; send version 13 and one key"))
        else:
            await receive()  # websocket.connect
            try:
                await self._connect(scope["headers"], admitted, upgrade, receive, send)
            except ClientGone:
                self._means.log.debug("client_gone", path=admitted.path.decode("latin-1"))

    async def _connect(
        self, headers: Headers, admitted: Admitted, upgrade: Upgrade, receive: Receive, send: Send
    ) -> None:
        relay = self._means.relay
        unread = relay.idle or not relay.looks_at(speaker_of(view(headers)))
        url = self._targets.url(admitted.path, admitted.query, chatgpt=b"chatgpt-account-id" in admitted.seen)
        if await relay.forbids(url):
            # Each request on it is refused in words that Codex shows; a refused handshake would show others.
            await self._converse(headers, admitted, upgrade, None)
            return
        found: Upgraded | Link | Answer | None
        try:
            with Hangup(receive):
                if unread:
                    found = await self._upstream.connect(UpstreamRequest("GET", url, tunnelled(headers)))
                else:
                    found = await connect(self._upstream, url, headers)
        except UpstreamError as error:
            self._unreachable(error)
            if unread or error.kind == "protocol":
                failure = upstream_failure(error.kind, str(error))
                await _answer(send, failure.status, failure.body())
                return
            # What a plugin answers needs no upstream; each request that does asks anew whether one is there.
            found = None
        if isinstance(found, Link):
            found.on_silent = self._unreachable
        if found is None or isinstance(found, Link):
            await self._converse(headers, admitted, upgrade, found)
        elif isinstance(found, Upgraded):
            client = await upgrade.accept(tunnel_answer(found.headers))
            await Tunnel(client, found.socket).run(self._draining)
        else:
            await self._refused(found, headers, admitted, upgrade, receive, send)

    async def _converse(self, headers: Headers, admitted: Admitted, upgrade: Upgrade, link: Link | None) -> None:
        try:
            lines, deflate = accepted(headers, [] if link is None else link.headers)
            client = Frames(await upgrade.accept(lines), server=True, deflate=deflate)
        except BaseException:
            if link is not None:
                link.frames.abort()
            raise
        conversation = Conversation(
            self._means, client, link, path=admitted.path, query=admitted.query, headers=headers
        )
        await conversation.run(self._draining)

    async def _refused(
        self, answer: Answer, headers: Headers, admitted: Admitted, upgrade: Upgrade, receive: Receive, send: Send
    ) -> None:
        try:
            if answer.status >= 500 and answer.status not in (501, 505):
                # For the moment only; Codex asks again.
                body = b""
                with Hangup(receive), contextlib.suppress(UpstreamCut):
                    while len(body) < _ERROR_BYTES and (more := await answer.read()):
                        body += more
                await _answer(send, answer.status, body, answer.headers)
                return
        finally:
            answer.close()
        if self._mode == "bridge":
            await self._converse(headers, admitted, upgrade, None)
        else:
            # Over HTTP the upstream gives the same answer again where it is one about the request.
            await _use_http(send)


async def _use_http(send: Send) -> None:
    # 426 is the one answer that makes Codex fall back to HTTP at once and in silence (0.120, 0.169).
    await _answer(send, 426, error_body("websocket_unavailable", "this proxy takes requests over HTTP"))


async def _answer(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    told = [line for line in headers or [] if line[0].lower() in _TOLD]
    lines = [*(told or [(b"content-type", _JSON)]), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": lines})
    await send({"type": "websocket.http.response.body", "body": body})
