"""An upstream that takes model requests over a WebSocket only, for clients that speak HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from ..protocol.body import MalformedBody, RequestBody
from ..protocol.events import Event
from ..protocol.messages import as_message, items_of
from .decode import BadBody, decode
from .known_answer import KnownAnswer
from .link import Asked, Link, SocketAnswer, connect
from .transport import Answer, Headers, Upgraded, Upstream, UpstreamCut, UpstreamError, UpstreamRequest

_STREAM: Headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
_JSON: Headers = [(b"content-type", b"application/json")]
_OF_THE_BODY = frozenset((b"content-encoding", b"content-length", b"content-type", b"accept", b"accept-encoding"))
# As for a client's own handshake: 5xx is for the moment, but for these two.
_NO_WEBSOCKET = frozenset((404, 405, 426, 501, 505))
_BETA = (b"openai-beta", b"responses_websockets=2026-02-06")


class SocketUpstream:
    """Sends ``POST …/responses`` as a message on a WebSocket of its own, everything else as it is.

    The answer's messages become server-sent events; a request with ``stream: false`` gets the finished response. An
    upstream that takes no WebSocket is an UpstreamError; what else it answers to the handshake is the answer.
    """

    def __init__(self, inner: Upstream) -> None:
        self._inner = inner

    async def open(self, request: UpstreamRequest) -> Answer:
        """Ask; the answer's head is here once its first message is. Raises UpstreamError."""
        if request.method != "POST" or not request.url.partition("?")[0].endswith("/responses"):
            return await self._inner.open(request)
        body = _body_of(request)
        asked = _asked(body)
        link = await connect(self._inner, request.url, _handshake(request.headers), framed=True)
        if not isinstance(link, Link):
            _refuse_without_websocket(link, request.url)
            return link
        try:
            answer = await link.ask(body.data, asked.items, asked)
            try:
                first = await answer.next() or []
                status = _status_of(first)
                if status is not None or body.value("stream") is not True:
                    return await _whole(link, answer, first, status)
            except UpstreamCut as cut:
                raise UpstreamError("timeout" if link.silent else "connect", str(cut)) from None
            return BridgedAnswer(link, answer, first)
        except BaseException:
            link.frames.abort()
            raise

    async def connect(self, request: UpstreamRequest) -> Upgraded | Answer:
        """Open a WebSocket, as the upstream itself does."""
        return await self._inner.connect(request)

    async def aclose(self) -> None:
        """Abort what still runs and release every connection."""
        await self._inner.aclose()


class BridgedAnswer:
    """A WebSocket's messages as an HTTP answer's body."""

    status = 200
    over = False
    """Only ``read`` tells the end."""

    def __init__(self, link: Link, answer: SocketAnswer, first: list[Event]) -> None:
        self.headers: Headers = [*_STREAM, *(line for line in link.headers if _is_told(line[0]))]
        self._link = link
        self._answer = answer
        self._events: list[Event] | None = first
        self._going = asyncio.Event()
        self._going.set()

    async def read(self) -> bytes:
        """The next events; ``b""`` after the one that ended the response. Raises UpstreamCut."""
        events, self._events = self._events, None
        if events is None:
            events = await self._answer.next()
        if events is None:
            self._link.frames.close()
            return b""
        return b"".join([event.raw for event in events])

    async def skim(self, take: object) -> bytes:
        """All of it, for nothing is passed on unseen here."""
        return await self.read()

    async def pipe(self, write: Callable[[bytes], bool], framed: object = None, passing: object = None) -> None:
        """Hand the events to ``write`` as they come."""
        while data := await self.read():
            if not write(data):
                self._going.clear()
                await self._going.wait()

    def resume(self) -> None:
        """Go on after a ``write`` that returned False."""
        self._going.set()

    def close(self) -> None:
        """Drop the answer, and its connection."""
        self._link.frames.abort()


def _body_of(request: UpstreamRequest) -> RequestBody:
    encoding = next((value for name, value in request.headers if name.lower() == b"content-encoding"), b"")
    try:
        return RequestBody(decode(bytes(request.body or b""), encoding))
    except (BadBody, MalformedBody) as error:
        raise UpstreamError("protocol", f"only a JSON body can go up on a WebSocket: {error}") from None


def _asked(body: RequestBody) -> Asked:
    try:
        items = items_of(body)
    except MalformedBody as error:
        raise UpstreamError("protocol", str(error)) from None
    # Whatever the client's response was made on, the upstream knows whether it is still there.
    return Asked(as_message(body.data, items, body.text("previous_response_id")), items)


def _handshake(headers: Headers) -> Headers:
    kept = [line for line in headers if line[0].lower() not in _OF_THE_BODY]
    betas = [value for name, value in kept if name.lower() == _BETA[0]]
    if any(b"responses_websockets=" in value for value in betas):
        return kept
    # Codex 0.29 asks for the beta that this API once was: one line names them all.
    return [line for line in kept if line[0].lower() != _BETA[0]] + [(_BETA[0], b", ".join([*betas, _BETA[1]]))]


def _refuse_without_websocket(answer: Answer, url: str) -> None:
    """Raise UpstreamError for an answer that is about the handshake; any other one is about the request."""
    if answer.status >= 400 and answer.status not in _NO_WEBSOCKET:
        return
    answer.close()
    base = url.partition("?")[0].removesuffix("/responses")
    raise UpstreamError(
        "protocol",
        f"the upstream ws{base.removeprefix('http')} takes no WebSocket (status {answer.status}); give it as {base}",
    )


def _status_of(events: list[Event]) -> int | None:
    data = events[0].data if events and events[0].type == "error" else None
    status = (data or {}).get("status")
    return status if isinstance(status, int) and 400 <= status < 600 else None


async def _whole(link: Link, answer: SocketAnswer, events: list[Event] | None, status: int | None) -> Answer:
    last = events[-1] if events else None
    while (events := await answer.next()) is not None:
        last = events[-1] if events else last
    link.frames.close()
    data = (last.data if last is not None else None) or {}
    if status is None:
        return KnownAnswer(200, [*_JSON], msgspec.json.encode(data.get("response") or data))
    told = data.get("headers")
    pairs = told.items() if isinstance(told, dict) else ()
    lines = [(str(name).encode("latin-1", "replace"), str(value).encode("latin-1", "replace")) for name, value in pairs]
    headers = [*_JSON, *(line for line in lines if _is_told(line[0]))]
    return KnownAnswer(status, headers, msgspec.json.encode({"error": data.get("error")}))


def _is_told(name: bytes) -> bool:
    return name.lower().startswith((b"x-", b"openai-", b"retry-after"))
