"""A scripted model backend that keeps the API's rules, in process or on a loopback socket."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import zstandard

from ..proxy.transport import UpstreamError, UpstreamRequest
from .pipes import Channel, pipes
from .reply import Cut, Gates, InProcessAnswer, Received, Reply
from .rules import Chain, Illegal, check
from .script import Answer, Asked, Gate, Scripted, compaction, housekeeping, status, text
from .streams import Ids, Item
from .upstream_socket import Joined, SocketConnection, agree, check_handshake

__all__ = ["Cut", "InProcessAnswer", "Received", "Reply", "Scripted", "StrictUpstream", "decoded", "serve_forever"]


class StrictUpstream:
    """A model backend that answers from a script and refuses what the real API would refuse.

    ``script`` is used up in order, then ``default`` answers; warm-ups, titles and compactions are answered by
    themselves. ``paths`` scripts other paths (``{"/models": status(200, {...})}``); the rest is 404. Every request is
    in ``requests``, every broken rule in ``illegal``. It is an Upstream, and ``listen`` serves the same over a socket.

    ``websocket`` is the answer to a handshake: 101, or a status (``426``, ``status(503, …)``) that refuses it;
    ``status(101, b"", {...})`` adds header lines. A message is in ``requests`` as any request, with the handshake's
    headers. There ``on_wire(chunk=n)`` means fragments of n bytes, and ``comments`` pings before each message.
    """

    def __init__(
        self,
        script: Iterable[Scripted] = (),
        default: Scripted | None = None,
        *,
        paths: Mapping[str, Scripted] | None = None,
        tag: str = "up",
        websocket: int | Answer = 101,
        deflate: bool = True,
    ) -> None:
        self.script: list[Scripted] = list(script)
        self.default: Scripted = default if default is not None else text("Hello from the script.")
        self.paths = dict(paths or {})
        self.requests: list[Received] = []
        self.illegal: list[Illegal] = []
        self.chains: dict[str, Chain] = {}
        self.ids = Ids(tag=tag)
        self.gates = Gates()
        self.unreachable: UpstreamError | None = None
        """When set, ``open`` raises it."""
        self.websocket = websocket
        self.deflate = deflate
        self.handshakes: list[Received] = []
        self.connections: list[SocketConnection] = []
        """Every WebSocket so far, in order."""
        self._open: set[Reply] = set()
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def turns(self) -> list[Received]:
        """The requests for a model's answer, in order; a WebSocket's warm-up asks for none."""
        return [got for got in self.requests if _asks_the_model(got)]

    def release(self, gate: Gate | str) -> None:
        """Let every answer that stands at this gate, now or later, go on."""
        self.gates.release(gate.name if isinstance(gate, Gate) else gate)

    async def standing_at(self, gate: Gate | str) -> None:
        """Return when an answer waits at this gate."""
        name = gate.name if isinstance(gate, Gate) else gate
        while not self.gates.standing(name):
            self.gates.arrival.clear()
            await self.gates.arrival.wait()

    async def received(self, count: int) -> None:
        """Return when so many requests have come."""
        while len(self.requests) < count:
            self.gates.arrival.clear()
            await self.gates.arrival.wait()

    def reply(self, received: Received, connection: object | None = None) -> Reply:
        """Record a request and choose its answer: what every transport calls.

        ``connection`` is the WebSocket that the message came on; None for HTTP.
        """
        self.requests.append(received)
        self.gates.arrival.set()
        path = received.path.split("?")[0]
        try:
            received.decoded = decoded(received.raw, received.header("content-encoding") or "")
            received.body = json.loads(received.decoded) if received.decoded else None
        except (ValueError, zlib.error, OSError, zstandard.ZstdError) as error:
            return self._refuse(received, Illegal(f"We could not parse the JSON body of your request: {error}"))
        if connection is None:
            if (received.header("upgrade") or "").lower() == "websocket":
                return Reply(self.gates, self.ids, received, status(426, "upgrade refused"), None)
            scripted = next((answer for end, answer in self.paths.items() if path.endswith(end)), None)
            if scripted is not None:
                return self._begin(received, scripted, None)
            if received.method == "POST" and path.endswith("/responses/compact"):
                return Reply(self.gates, self.ids, received, self._compacted(received.body or {}), None)
            if received.method != "POST" or not path.endswith("/responses"):
                unknown = Illegal(f"Invalid URL ({received.method} {path})", status=404)
                return Reply(self.gates, self.ids, received, status(404, unknown.body()), None)
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
        received.conversation = [*earlier, *request["input"]]
        chain = Chain(self.ids.new("resp"), connection, list(received.conversation))
        return self._begin(received, scripted, chain)

    def _begin(self, received: Received, scripted: Scripted, chain: Chain | None) -> Reply:
        answer = scripted if isinstance(scripted, Answer) else scripted(received.body)
        if chain is not None and answer.body is None:
            self.chains[chain.response_id] = chain
        return Reply(self.gates, self.ids, received, answer, chain)

    def _refuse(self, received: Received, illegal: Illegal) -> Reply:
        self.illegal.append(illegal)
        return Reply(self.gates, self.ids, received, status(illegal.status, illegal.body()), None)

    def _compacted(self, request: dict[str, Any]) -> Answer:
        # Codex 0.98 and 0.120 put whatever this endpoint gives in place of their history.
        item: Item = compaction().makers[0](Asked(request, [], self.ids))
        return status(200, {"id": self.ids.new("resp"), "object": "response.compaction", "output": [item]})

    async def open(self, request: UpstreamRequest) -> InProcessAnswer:
        """Answer in process, without a socket."""
        reply = self.reply(self._received(request))
        self._open.add(reply)
        return InProcessAnswer(reply, self._open.discard)

    async def connect(self, request: UpstreamRequest) -> Joined | InProcessAnswer:
        """Answer a WebSocket handshake in process."""
        received = self._received(request)
        refusal = self.refusal(received)
        if refusal is not None:
            self._open.add(refusal)
            return InProcessAnswer(refusal, self._open.discard)
        here, there = pipes()
        headers, connection = self.join(received, here)
        task = asyncio.create_task(connection.serve(), name="scripted-websocket")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return Joined([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers], there)

    def refusal(self, received: Received) -> Reply | None:
        """Record a handshake; None where it is to be answered with 101."""
        self.handshakes.append(received)
        self.gates.arrival.set()
        answer = status(self.websocket, "upgrade refused") if isinstance(self.websocket, int) else self.websocket
        if answer.status != 101:
            return Reply(self.gates, self.ids, received, answer, None)
        try:
            check_handshake(received)
        except Illegal as illegal:
            return self._refuse(received, illegal)
        return None

    def join(self, received: Received, channel: Channel) -> tuple[list[tuple[str, str]], SocketConnection]:
        """The header lines of the 101, and the connection, which is to be served."""
        headers, deflate = agree(received, deflate=self.deflate)
        if isinstance(self.websocket, Answer):
            headers += [line for line in self.websocket.headers if line[0] != "content-type"]
        connection = SocketConnection(self, received, channel, deflate)
        self.connections.append(connection)
        return headers, connection

    async def aclose(self) -> None:
        """Abort what still runs."""
        for reply in tuple(self._open):
            reply.close()
        self._open.clear()
        for connection in self.connections:
            connection.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _received(self, request: UpstreamRequest) -> Received:
        if self.unreachable is not None:
            raise self.unreachable
        url = urlsplit(request.url)
        path = url.path + (f"?{url.query}" if url.query else "")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
        return Received(request.method, path, headers, bytes(request.body or b""))

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


def _asks_the_model(got: Received) -> bool:
    if got.method == "WEBSOCKET":
        return not (isinstance(got.body, dict) and got.body.get("generate") is False)
    return got.method == "POST" and got.path.split("?")[0].endswith("/responses")


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
