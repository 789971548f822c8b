"""A request that is not for the model: plugins may answer or refuse it, the rest passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..conversation.speaker import speaker_of
from ..dispatch import Dispatcher, FailedClosed
from ..exchange import Exchange, LocalReply, Refusal, Session, Turn
from ..outcome import Outcome
from ..protocol.body import MalformedBody, RequestBody
from ..protocol.errors import error_body
from ..protocol.tools import Usage
from ..services.sessions import Sessions
from .client import Client
from .decode import BadBody, decode
from .guard import Admitted
from .headers import view
from .passthrough import Hangup, Message, Receive, Send
from .target import endpoint
from .transport import Headers, UpstreamCut

Forward = Callable[[str, Admitted, Headers, bytes, Receive, Send, Client | None], Awaitable[str | None]]


class OtherPaths:
    """Answers requests of kind ``"other"``; ``forward`` pipes one through and says what went wrong, None if nothing."""

    def __init__(
        self, *, dispatcher: Dispatcher, sessions: Sessions, clock: Callable[[], float], forward: Forward
    ) -> None:
        self._dispatch = dispatcher
        self._sessions = sessions
        self._clock = clock
        self._forward = forward

    async def answer(
        self, method: str, admitted: Admitted, headers: Headers, wire: bytes, receive: Receive, send: Send,
        client: Client | None = None,
    ) -> None:  # fmt: skip
        """Answer one request, with its head judged and its body read."""
        if self._dispatch.hooks.isdisjoint(("on_request", "on_exchange_end")):
            await self._forward(method, admitted, headers, wire, receive, send, client)
            return
        exchange = self._exchange(method, admitted, headers, wire)
        heard = _Heard(send, self._clock)
        began = decided = self._clock()
        answered_by, error = "upstream", None
        refusal = ""
        try:
            with Hangup(receive):
                decision = await self._dispatch.request(exchange)
                whole = await _answer_of(decision)
            decided = self._clock()
            if whole is None:
                error = await self._forward(method, admitted, headers, wire, receive, heard, None)
                error = error or ("failed" if heard.status >= 400 else None)
            else:
                answered_by = "refused" if isinstance(decision, Refusal) else "local"
                refusal = decision.code if isinstance(decision, Refusal) else ""
                error = "failed" if answered_by == "local" and whole[0] != 200 else None
                await send_whole(heard, *whole)
        except BaseException as failure:
            error = "cut" if isinstance(failure, UpstreamCut) else "client_gone"
            raise
        finally:
            await self._dispatch.exchange_end(
                exchange,
                Outcome(
                    status=heard.status,
                    answered_by=answered_by,
                    error=error,
                    usage=Usage(),
                    rounds=0,
                    first_byte_s=None if heard.first_at is None else heard.first_at - began,
                    total_s=self._clock() - began,
                    bytes_in=len(wire),
                    bytes_out=heard.size,
                    decided_s=decided - began,
                    refusal=refusal,
                ),
            )

    def _exchange(self, method: str, admitted: Admitted, headers: Headers, wire: bytes) -> Exchange:
        seen = view(headers)
        speaker = speaker_of(seen)
        session = (
            self._sessions.thread(speaker).session
            if speaker.thread
            else Session(speaker.session, codex_version=speaker.version)
        )
        return Exchange(
            session=session,
            turn=Turn(speaker.turn, "unknown"),
            method=method,
            path=endpoint(admitted.path).decode("latin-1"),
            kind="other",
            headers=seen,
            parse=lambda: _parsed(wire, admitted.seen.get(b"content-encoding", b"")),
        )


class _Heard:
    """What the client was sent."""

    def __init__(self, send: Send, clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self.status = 0
        self.size = 0
        self.first_at: float | None = None

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif body := message.get("body"):
            self.first_at = self._clock() if self.first_at is None else self.first_at
            self.size += len(body)


async def send_whole(send: Send, status: int, body: bytes, kind: bytes = b"application/json") -> None:
    """Answer with a status and a body."""
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer_of(decision: LocalReply | Refusal | None) -> tuple[int, bytes, bytes] | None:
    """Status, body and type of what plugins decided, None where they let it pass."""
    if decision is None:
        return None
    if isinstance(decision, Refusal):
        body = error_body(decision.code, decision.message, type="codex_plus_refused")
        return decision.status, body, b"application/json"
    try:
        words = decision.text if isinstance(decision.text, str) else "".join([piece async for piece in decision.text])
    except FailedClosed as failure:
        said = f"the plugin {failure.plugin!r} failed before its answer was complete; see the log of codex-plus"
        return 500, error_body("plugin_failed", said, type="server_error"), b"application/json"
    return 200, words.encode(), b"text/markdown; charset=utf-8"


def _parsed(wire: bytes, encoding: bytes) -> dict[str, Any]:
    if not wire:
        return {}
    try:
        body = RequestBody(decode(wire, encoding))
    except BadBody as bad:
        raise MalformedBody(str(bad)) from None
    found = body.parsed()
    if body.top and not found:
        # Half a character, or a number beyond all bounds: the upstream may well make something of the rest.
        raise MalformedBody("request body: not all of it can be read; send it as JSON in UTF-8")
    return found
