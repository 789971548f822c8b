"""A scripted model backend that keeps the API's rules, in process or on a loopback socket."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import zstandard

from ..proxy.transport import Headers, UpstreamCut, UpstreamError, UpstreamRequest
from .rules import Chain, Illegal, check
from .script import Answer, Asked, Break, Gate, Raw, Scripted, Step, compaction, housekeeping, status, text
from .streams import Ids, Item

_ENDS = ("response.completed", "response.failed", "response.incomplete")


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

    def header(self, name: str) -> str | None:
        """The first header line of that name (any case)."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Cut(Exception):
    """The script wants the stream broken off; ``how`` is ``reset`` or ``close``."""

    def __init__(self, how: Literal["reset", "close"]) -> None:
        super().__init__(how)
        self.how = how


class Reply:
    """The answer to one request, for whichever transport asks: a head, then steps, then the end."""

    def __init__(self, upstream: StrictUpstream, received: Received, answer: Answer, chain: Chain | None) -> None:
        self.status = answer.status
        self.received = received
        self.wire = answer.wire
        self._upstream = upstream
        self._answer = answer
        self._chain = chain
        self._waiting: asyncio.Future[None] | None = None
        self._done = False
        body = received.body if isinstance(received.body, dict) else {}
        self._steps: list[Step] = []
        if answer.body is not None:
            self._steps = [Raw(answer.body)]
        elif chain is not None:
            self._steps = answer.steps(Asked(body, chain.items, upstream.ids), chain.response_id)
        self.as_json = chain is not None and answer.body is None and body.get("stream") is not True
        kind = "application/json" if self.as_json else "text/event-stream; charset=utf-8"
        given = dict(answer.headers)
        own = {} if "content-type" in given else {"content-type": kind}
        self.headers: list[tuple[str, str]] = [*own.items(), *answer.headers]

    async def steps(self) -> AsyncIterator[dict[str, Any] | Raw]:
        """Events and raw bytes as they fall due; waits at gates, raises Cut where the script breaks off."""
        if self.status != 200:
            self.received.answer.append(f"status {self.status}")
        for step in self._steps:
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
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(UpstreamCut("the answer was closed"))

    async def _whole(self) -> bytes:
        response: Any = {}
        async for step in self.steps():
            if not isinstance(step, Raw) and "response" in step:
                response = step["response"]
        return json.dumps(response).encode()

    async def _pass(self, name: str) -> None:
        if name in self._upstream.released:
            return
        self._waiting = asyncio.get_running_loop().create_future()
        self._upstream.hold(name, self._waiting)
        await self._waiting

    def _note(self, event: dict[str, Any]) -> None:
        self.received.answer.append(event["type"])
        if self._chain is None:
            return
        if event["type"] == "response.output_item.done":
            self._chain.emitted.append(event["item"])
        elif event["type"] in _ENDS:
            self._done = True
            self._chain.complete = event["type"] == "response.completed"


class StrictUpstream:
    """A model backend that answers from a script and refuses what the real API would refuse.

    ``script`` is used up in order, then ``default`` answers; warm-ups, titles and compactions are answered by
    themselves. ``paths`` scripts other paths (``{"/models": status(200, {...})}``); the rest is 404. Every request is
    in ``requests``, every broken rule in ``illegal``. It is an Upstream, and ``listen`` serves the same over a socket.
    """

    def __init__(
        self,
        script: Iterable[Scripted] = (),
        default: Scripted | None = None,
        *,
        paths: Mapping[str, Scripted] | None = None,
        tag: str = "up",
    ) -> None:
        self.script: list[Scripted] = list(script)
        self.default: Scripted = default if default is not None else text("Hello from the script.")
        self.paths = dict(paths or {})
        self.requests: list[Received] = []
        self.illegal: list[Illegal] = []
        self.chains: dict[str, Chain] = {}
        self.ids = Ids(tag=tag)
        self.released: set[str] = set()
        self.unreachable: UpstreamError | None = None
        """When set, ``open`` raises it."""
        self._held: dict[str, list[asyncio.Future[None]]] = {}
        self._open: set[Reply] = set()
        self._arrival = asyncio.Event()

    @property
    def turns(self) -> list[Received]:
        """The requests for a model's answer, in order."""
        return [got for got in self.requests if got.method == "POST" and got.path.split("?")[0].endswith("/responses")]

    def release(self, gate: Gate | str) -> None:
        """Let every answer that stands at this gate, now or later, go on."""
        name = gate.name if isinstance(gate, Gate) else gate
        self.released.add(name)
        for future in self._held.pop(name, []):
            if not future.done():
                future.set_result(None)

    def hold(self, name: str, future: asyncio.Future[None]) -> None:
        """Register an answer that waits at a gate."""
        self._held.setdefault(name, []).append(future)
        self._arrival.set()

    async def standing_at(self, gate: Gate | str) -> None:
        """Return when an answer waits at this gate."""
        name = gate.name if isinstance(gate, Gate) else gate
        while not any(not future.done() for future in self._held.get(name, [])):
            self._arrival.clear()
            await self._arrival.wait()

    async def received(self, count: int) -> None:
        """Return when so many requests have come."""
        while len(self.requests) < count:
            self._arrival.clear()
            await self._arrival.wait()

    def reply(self, received: Received, connection: object | None = None) -> Reply:
        """Record a request and choose its answer: what every transport calls.

        ``connection`` is the WebSocket that the message came on; None for HTTP.
        """
        self.requests.append(received)
        self._arrival.set()
        path = received.path.split("?")[0]
        try:
            received.decoded = decoded(received.raw, received.header("content-encoding") or "")
            received.body = json.loads(received.decoded) if received.decoded else None
        except (ValueError, zlib.error, OSError, zstandard.ZstdError) as error:
            return self._refuse(received, Illegal(f"We could not parse the JSON body of your request: {error}"))
        if connection is None:
            if (received.header("upgrade") or "").lower() == "websocket":
                return Reply(self, received, status(426, "upgrade refused"), None)
            scripted = next((answer for end, answer in self.paths.items() if path.endswith(end)), None)
            if scripted is not None:
                return self._begin(received, scripted, None)
            if received.method == "POST" and path.endswith("/responses/compact"):
                return Reply(self, received, self._compacted(received.body or {}), None)
            if received.method != "POST" or not path.endswith("/responses"):
                unknown = Illegal(f"Invalid URL ({received.method} {path})", status=404)
                return Reply(self, received, status(404, unknown.body()), None)
        return self._respond(received, connection)

    def _respond(self, received: Received, connection: object | None) -> Reply:
        request = received.body
        if not isinstance(request, dict):
            return self._refuse(received, Illegal("Expected a JSON object.", code="invalid_type"))
        try:
            check(request, chains=self.chains, connection=connection)
        except Illegal as illegal:
            return self._refuse(received, illegal)
        own = housekeeping(request)
        scripted: Scripted = own if own is not None else self.script.pop(0) if self.script else self.default
        previous = self.chains.get(request.get("previous_response_id") or "")
        earlier = [*previous.items, *previous.emitted] if previous else []
        chain = Chain(self.ids.new("resp"), connection, [*earlier, *request["input"]])
        return self._begin(received, scripted, chain)

    def _begin(self, received: Received, scripted: Scripted, chain: Chain | None) -> Reply:
        answer = scripted if isinstance(scripted, Answer) else scripted(received.body)
        if chain is not None and answer.body is None:
            self.chains[chain.response_id] = chain
        return Reply(self, received, answer, chain)

    def _refuse(self, received: Received, illegal: Illegal) -> Reply:
        self.illegal.append(illegal)
        return Reply(self, received, status(illegal.status, illegal.body()), None)

    def _compacted(self, request: dict[str, Any]) -> Answer:
        # Codex 0.98 and 0.120 put whatever this endpoint gives in place of their history.
        item: Item = compaction().makers[0](Asked(request, [], self.ids))
        return status(200, {"id": self.ids.new("resp"), "object": "response.compaction", "output": [item]})

    async def open(self, request: UpstreamRequest) -> InProcessAnswer:
        """Answer in process, without a socket."""
        if self.unreachable is not None:
            raise self.unreachable
        url = urlsplit(request.url)
        path = url.path + (f"?{url.query}" if url.query else "")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
        reply = self.reply(Received(request.method, path, headers, request.body or b""))
        self._open.add(reply)
        return InProcessAnswer(reply, self._open.discard)

    async def aclose(self) -> None:
        """Abort what still runs."""
        for reply in tuple(self._open):
            reply.close()
        self._open.clear()

    @contextlib.asynccontextmanager
    async def listen(
        self, *, host: str = "127.0.0.1", port: int = 0, framing: Literal["chunked", "length", "close"] = "chunked"
    ) -> AsyncIterator[str]:
        """Serve on a loopback socket; the value is the base URL, without a trailing slash."""
        from .listener import Listener

        listener = Listener(self, framing)
        try:
            yield await listener.start(host, port)
        finally:
            await listener.stop()


class InProcessAnswer:
    """A Reply as the relay reads an upstream's answer."""

    def __init__(self, reply: Reply, finished: Any) -> None:
        self.status = reply.status
        self.headers: Headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        self._reply = reply
        self._chunks = reply.chunks()
        self._finished = finished
        self._closed = False

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

    def close(self) -> None:
        """Drop the answer; remembered as an abort when its end had not been read."""
        self._closed = True
        self._reply.close()
        self._finished(self._reply)


def decoded(raw: bytes, encoding: str) -> bytes:
    """A request body without its content encoding (zstd, gzip, deflate or none)."""
    name = encoding.strip().lower()
    if not raw or name in ("", "identity"):
        return raw
    if name == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    if name == "gzip":
        return gzip.decompress(raw)
    if name == "deflate":
        return zlib.decompress(raw)
    raise ValueError(f"unsupported content encoding {name!r}")


async def serve_forever(host: str, port: int, upstream: StrictUpstream | None = None) -> None:
    """Serve a scripted upstream until the task is cancelled."""
    async with (upstream or StrictUpstream()).listen(host=host, port=port):
        await asyncio.get_running_loop().create_future()
