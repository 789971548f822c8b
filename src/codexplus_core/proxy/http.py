"""HTTP in: reads a request, picks the raw path or the relay, and turns what goes wrong into an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from ..conversation.speaker import Speaker, speaker_of
from ..dispatch import Dispatcher
from ..protocol import replies
from ..protocol.body import MalformedBody, RequestBody
from ..protocol.errors import error_body, upstream_failure
from ..services.sessions import Sessions
from . import passthrough
from .answering import answered
from .client import Client
from .decode import LIMIT, BadBody, decode, precheck
from .downstream import KEEPALIVE_S, HttpDownstream
from .guard import Admitted, Denied
from .headers import client_headers, upstream_headers, view
from .other import OtherPaths, send_whole
from .passage import Incoming
from .passthrough import ClientGone, Hangup, Receive, Send
from .refuse import refuse
from .relay import Relay
from .target import Targets, endpoint
from .transport import Headers, Upstream, UpstreamCut, UpstreamError, UpstreamRequest
from .unreachable import Unreachable

BODY_S = 120.0
"""Seconds that a client may take over its request body once the head is here."""
_MODEL_PATHS = frozenset((b"/responses", b"/responses/compact"))
"""Paths whose body is a conversation; the second one is how Codex before 0.120 asks for a compaction."""


class HttpProxy:
    """Answers guarded HTTP requests that are not for a route of our own."""

    def __init__(
        self,
        *,
        relay: Relay,
        dispatcher: Dispatcher,
        sessions: Sessions,
        upstream: Upstream,
        targets: Targets,
        log: Any,
        ids: replies.IdSource,
        clock: Callable[[], float],
        unreachable: Unreachable,
        keepalive_s: float = KEEPALIVE_S,
    ) -> None:
        self._relay = relay
        self._upstream = upstream
        self._targets = targets
        self._log = log
        self._unreachable = unreachable
        self._ids = ids
        self._clock = clock
        self._keepalive_s = keepalive_s
        self._other = OtherPaths(dispatcher=dispatcher, sessions=sessions, clock=clock, forward=self._pass)

    async def __call__(self, scope: MutableMapping[str, Any], admitted: Admitted, receive: Receive, send: Send) -> None:
        """Answer one request. Returning without an end is a cut: the server closes the connection."""
        headers: Headers = scope["headers"]
        client = passthrough.client_of(scope)
        try:
            wire = await read_body(receive, admitted.seen, client)
        except BadBody as bad:
            # Whatever is still unread must be read off, or the server's connection would hang for good.
            await refuse(Denied(bad.status, bad.code, bad.message), scope, receive, send)
            return
        except ClientGone:
            return
        try:
            await self._serve(scope["method"], admitted, headers, wire, receive, send, client)
        except BadBody as bad:
            await send_whole(send, bad.status, error_body(bad.code, bad.message))
        except MalformedBody as bad:
            await send_whole(send, 400, error_body("malformed_body", str(bad)))
        except UpstreamCut as cut:
            self._log.warning("upstream_cut", path=admitted.path.decode("latin-1"), message=str(cut))
        except ClientGone:
            self._log.debug("client_gone", path=admitted.path.decode("latin-1"))

    async def _serve(
        self, method: str, admitted: Admitted, headers: Headers, wire: bytes, receive: Receive, send: Send,
        client: Client | None,
    ) -> None:  # fmt: skip
        below = endpoint(admitted.path)
        if method != "POST" or below not in _MODEL_PATHS:
            await self._other.answer(method, admitted, headers, wire, receive, send, client)
            return
        encoding = admitted.seen.get(b"content-encoding", b"")
        # Decoded even where nobody reads it: a compressed body is the one thing that can be far larger than it looks.
        clear = decode(wire, encoding) if encoding or len(wire) > LIMIT else wire
        seen = None if self._relay.idle else view(headers)
        speaker = None if seen is None else _speaker(seen, below)
        if seen is None or speaker is None or not self._relay.looks_at(speaker):
            await self._pass(method, admitted, headers, wire, receive, send, client)
            return
        body = RequestBody(clear, self._relay.beginnings(speaker))
        if not speaker.thread and (said := body.metadata):
            speaker = _speaker(seen, below, said)
        if speaker.origin == "warmup" and body.value("generate") is not False:
            # One that wants an answer must not pass for the warm-up, of which no plugin is told.
            speaker = msgspec.structs.replace(speaker, origin="user")
        incoming = Incoming(
            method=method,
            path=admitted.path,
            query=admitted.query,
            headers=headers,
            seen=seen,
            wire=wire,
            speaker=speaker,
            chatgpt=b"chatgpt-account-id" in admitted.seen,
            received_at=self._clock(),
        )
        down = HttpDownstream(
            send,
            ids=self._ids,
            clock=self._clock,
            streams=body.value("stream") is True,
            model=body.text("model"),
            keepalive_s=self._keepalive_s,
            client=client,
        )
        passage = self._relay.begin(incoming, body, down)
        try:
            with Hangup(receive, client):
                await answered(self._relay, passage, self._log)
            await down.finish()
        except ClientGone:
            # It had gone before the answer's end, whoever noticed it first.
            passage.error = passage.error or (None if passage.complete else "client_gone")
            raise
        finally:
            await self._relay.close(passage)

    async def _pass(
        self, method: str, admitted: Admitted, headers: Headers, wire: bytes, receive: Receive, send: Send,
        client: Client | None = None,
    ) -> str | None:  # fmt: skip
        chatgpt = b"chatgpt-account-id" in admitted.seen
        url = self._targets.url(admitted.path, admitted.query, chatgpt=chatgpt)
        body = wire if wire or method in ("POST", "PUT", "PATCH") else None
        request = UpstreamRequest(method, url, upstream_headers(headers), body)
        try:
            with Hangup(receive, client):
                answer = await self._upstream.open(request)
                try:
                    await passthrough.forward(answer, send, client, client_headers(answer.headers))
                finally:
                    answer.close()
        except UpstreamError as error:
            self._unreachable(error)
            failure = upstream_failure(error.kind, str(error))
            await send_whole(send, failure.status, failure.body())
            return "timeout" if error.kind == "timeout" else "connect"
        await passthrough.send_end(send, client)
        return None


def _speaker(seen: Mapping[str, str], below: bytes, metadata: Mapping[str, Any] | None = None) -> Speaker:
    speaker = speaker_of(seen, metadata)
    # Whatever stands last in what is to be summarized, nobody says it now.
    return msgspec.structs.replace(speaker, origin="compaction") if below == b"/responses/compact" else speaker


async def read_body(
    receive: Receive, seen: Mapping[bytes, bytes], client: Client | None = None, limit: int = LIMIT
) -> bytes:
    """The whole request body. Raises BadBody (413) over ``limit``, ClientGone when the client leaves before its end."""
    declared = seen.get(b"content-length", b"")
    precheck(seen.get(b"content-encoding", b""), int(declared) if declared.isdigit() else None, limit)
    if client is not None:
        # A server of ours takes no body whose length its head does not say.
        whole = client.whole_body()
        return await _gathered(client) if whole is None else whole
    parts: list[bytes] = []
    size = 0
    more = True
    try:
        async with asyncio.timeout(BODY_S):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise BadBody(413, "body_too_large", f"the request body is larger than {limit} bytes; send less")
                more = message.get("more_body", False)
    except TimeoutError:
        raise _too_slow() from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _gathered(client: Client) -> bytes:
    try:
        async with asyncio.timeout(BODY_S):
            whole = await client.gather_body()
    except TimeoutError:
        raise _too_slow() from None
    if whole is None:
        raise ClientGone
    return whole


def _too_slow() -> BadBody:
    return BadBody(408, "body_too_slow", f"the request body was not complete within {BODY_S:g} s")
