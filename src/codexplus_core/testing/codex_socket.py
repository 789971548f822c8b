"""A model of how Codex 0.120 and later speak over a WebSocket: what they send on it, and when they open a new one."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from wsproto.utilities import generate_accept_token

from ..proxy.transport import Headers, Upgraded, UpstreamCut
from .client_reply import Reply
from .codex import CodexClient
from .codex_items import Minter
from .codex_messages import handshake, message, warm_up
from .codex_requests import ClientRequest
from .frames import Frames, agreed_deflate
from .pipes import Channel
from .reply import ENDS
from .streams import Item


class Refused(Protocol):
    """The answer to a handshake that was refused."""

    status: int
    headers: Headers

    async def read(self) -> bytes:
        """Some of the body, ``b""`` at its end; raises UpstreamCut where it broke off."""
        ...


Connect = Callable[[ClientRequest], Awaitable[Upgraded | Refused]]
"""Sends a handshake and returns the connection, or the answer that refuses it."""


class CodexSocket:
    """The WebSocket of one CodexClient.

        socket = CodexSocket(client, connect)
        reply = await socket.send(client.say("hello"))

    The first connection of a process begins with a warm-up. A request carries what is new since the last response that
    was completed on its connection; a warm-up counts as one with nothing in it, so the first request after it, be it a
    resumed thread's, carries the whole view. After an error, a cut or an interrupt the connection is dropped, and the
    next one begins with the whole view and follows no response. All of it as recorded in tests/compat/websocket;
    inferred: what follows a warm-up that failed.
    """

    def __init__(self, codex: CodexClient, connect: Connect, *, deflate: bool = True) -> None:
        if not codex.version.websocket:
            raise ValueError(f"codex {codex.version.name} speaks no WebSocket: use 0.120.0 or later")
        self.codex = codex
        self.fell_back = False
        """A handshake was answered 426: this thread uses HTTP from now on."""
        self.handshakes: list[ClientRequest] = []
        self.sent: list[dict[str, Any]] = []
        """Every message, warm-ups too."""
        self._connect = connect
        self._deflate = deflate
        self._mint = Minter(codex.mint.seed)
        self._line: _Line | None = None
        self._lines: list[_Line] = []
        self._warm = False
        self._asking = False
        self._interrupted = False

    @property
    def connected(self) -> bool:
        """Whether there is a connection that neither side has ended."""
        return self._line is not None and not self._line.over.is_set()

    @property
    def frames(self) -> Frames:
        """The connection there is, for what a test wants to send beside Codex's messages."""
        if self._line is None:
            raise ValueError("there is no connection: send a request first")
        return self._line.frames

    async def disconnected(self) -> None:
        """Return when the other side has ended the connection."""
        if self._line is not None:
            await self._line.over.wait()

    async def send(self, request: ClientRequest) -> Reply | None:
        """Send a request and let Codex read the answer; None where it is to be sent over HTTP."""
        self._asking, self._interrupted = True, False
        try:
            reply = await self._reply(request)
        except BaseException:
            self.drop()
            raise
        finally:
            self._asking = False
        if self._interrupted:
            self.drop()
            self.codex.interrupt()
        return reply

    def interrupt(self) -> None:
        """Esc: drop the connection; an answer that runs is dropped, too."""
        self.drop()
        if self._asking:
            # `send` does the rest, once it has read what had come.
            self._interrupted = True
        else:
            self.codex.interrupt()

    def drop(self) -> None:
        """End the connection, without a close frame, as Codex does."""
        if self._line is not None:
            self._line.frames.channel.close()
            self._line = None

    async def close(self) -> None:
        """End the connection and wait until nothing of it is left."""
        self.drop()
        await asyncio.gather(*(line.reading for line in self._lines))

    async def _reply(self, request: ClientRequest) -> Reply | None:
        if not request.path.endswith("/responses"):
            # Measured with 0.120: its /responses/compact goes over HTTP, and the thread goes on on a new connection.
            self.drop()
            return None
        if self.fell_back:
            return None
        if not self.connected:
            refusal = await self._open(request)
            if refusal is not None:
                return None if self.fell_back else refusal
        if not self._warm:
            self._warm = True
            if not (self._interrupted or await self._warm_up(request)):
                self.drop()
                return Reply() if self._interrupted else await self._reply(request)
        return Reply() if self._interrupted else await self._ask(request)

    async def _open(self, request: ClientRequest) -> Reply | None:
        self.drop()
        key = base64.b64encode(uuid.UUID(self._mint.uuid()).bytes).decode("ascii")
        asked = handshake(request, key=key, warming=not self._warm, deflate=self._deflate)
        self.handshakes.append(asked)
        answer = await self._connect(asked)
        if not hasattr(answer, "read"):
            self._line = _Line(answer, key)
            self._lines.append(self._line)
            return None
        answer = cast(Refused, answer)
        reply = Reply(status=answer.status, headers=list(answer.headers))
        try:
            while data := await answer.read():
                reply.body += data
            reply.ended = True
        except UpstreamCut:
            pass
        self.fell_back = reply.status == 426
        if not self.fell_back:
            reply.seen = self.codex.receive(reply.body, cut=not reply.ended, status=reply.status)
        return reply

    async def _warm_up(self, request: ClientRequest) -> bool:
        assert self._line is not None
        async for got in self._exchange(self._line, warm_up(request, now_ms=self._now())):
            if got.get("type") == "response.completed":
                self._line.follows = (got["response"]["id"], [])
        return self._line.follows is not None

    async def _ask(self, request: ClientRequest) -> Reply:
        line = self._line
        assert line is not None
        items, previous = line.new_items(request.json["input"])
        reply = Reply(200, line.headers)
        kind = ""
        async for got in self._exchange(line, message(request, items, previous, now_ms=self._now()), reply):
            kind = got.get("type", "")
            if kind == "error":
                reply.status = got["status"]
        reply.ended = kind in ENDS or kind == "error"
        if self._interrupted:
            # What came of the answer is kept in another way than what came before a cut.
            return reply
        reply.seen = self.codex.finish(cut=not reply.ended)
        if not reply.seen.completed:
            self.drop()
            return reply
        count = reply.seen.events.count("response.output_item.done")
        kept = self.codex.history[-count:] if count else []
        line.follows = (reply.seen.response_id or "", [*request.json["input"], *kept])
        return reply

    async def _exchange(self, line: _Line, asked: dict[str, Any], reply: Reply | None = None) -> Any:
        self.sent.append(asked)
        line.frames.send(json.dumps(asked, separators=(",", ":"), ensure_ascii=False).encode())
        await line.frames.channel.drain()
        while (data := await line.messages.get()) is not None:
            if reply is not None:
                framed = b"data: " + data.replace(b"\n", b" ") + b"\n\n"
                reply.messages.append(data)
                reply.body += framed
                self.codex.feed(framed)
            got = _event(data)
            yield got
            if got.get("type") in ENDS or _is_error(got):
                break

    def _now(self) -> int:
        return int(self._mint.time() * 1000)


class _Line:
    """One connection, which is read all the time, as Codex reads it: pings are answered while nothing is asked."""

    def __init__(self, upgraded: Upgraded, key: str) -> None:
        self.headers = list(upgraded.headers)
        given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in upgraded.headers}
        if given.get("sec-websocket-accept") != generate_accept_token(key.encode("ascii")).decode("ascii"):
            upgraded.socket.abort()
            raise ConnectionError("the 101 does not accept the key that was sent")
        channel: Channel = upgraded.socket
        self.frames = Frames(channel, client=True, deflate=agreed_deflate(given.get("sec-websocket-extensions")))
        self.messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.over = asyncio.Event()
        self.follows: tuple[str, list[Item]] | None = None
        """The last response that was completed on it, and the view after it."""
        self.reading = asyncio.create_task(self._read(), name="codex-websocket")

    def new_items(self, view: list[Item]) -> tuple[list[Item], str | None]:
        """What of a view is still to be sent, and the response that it follows."""
        if self.follows is None:
            return view, None
        previous, known = self.follows
        if view[: len(known)] != known:
            return view, None
        return view[len(known) :], previous

    async def _read(self) -> None:
        try:
            while (data := await self.frames.receive()) is not None:
                self.messages.put_nowait(data)
        except ConnectionError:
            pass
        finally:
            self.frames.channel.close()
            self.over.set()
            self.messages.put_nowait(None)


def _event(data: bytes) -> dict[str, Any]:
    try:
        got = json.loads(data)
    except ValueError:
        return {}
    return got if isinstance(got, dict) else {}


def _is_error(got: dict[str, Any]) -> bool:
    return got.get("type") == "error" and isinstance(got.get("status"), int)
