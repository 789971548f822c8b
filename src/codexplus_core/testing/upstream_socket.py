"""The scripted upstream's side of a WebSocket: the handshake, and one answer after the other on a connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import generate_accept_token

from ..proxy.transport import Duplex, Headers, UpstreamCut
from .frames import Frames, accept_deflate
from .interruption import response_to_interrupt
from .item_rules import Illegal
from .pipes import Channel
from .reply import ENDS, Cut, Interrupted, Received, Reply
from .script import Raw

if TYPE_CHECKING:
    from .upstream import StrictUpstream

BETA = "responses_websockets="


@dataclass(slots=True)
class Joined:
    """What ``StrictUpstream.connect`` gives for a handshake that it took: an Upgraded."""

    headers: Headers
    socket: Duplex


def check_handshake(received: Received) -> None:
    """Raise Illegal unless this asks for the Responses WebSocket as Codex does.

    ``Connection`` and ``Upgrade`` belong to one hop: whoever connects in process may leave them out.
    """
    if received.method != "GET" or not received.path.split("?")[0].endswith("/responses"):
        raise Illegal(f"Invalid URL ({received.method} {received.path})", status=404)
    if (received.header("upgrade") or "websocket").lower() != "websocket":
        raise Illegal("Invalid 'Upgrade': expected 'websocket'.", param="upgrade")
    if "upgrade" not in (received.header("connection") or "upgrade").lower():
        raise Illegal("Invalid 'Connection': expected 'Upgrade'.", param="connection")
    if received.header("sec-websocket-version") != "13":
        raise Illegal("Invalid 'Sec-WebSocket-Version': expected 13.", param="sec-websocket-version")
    if len(received.header("sec-websocket-key") or "") != 24:
        raise Illegal("Invalid 'Sec-WebSocket-Key': expected 16 bytes in base64.", param="sec-websocket-key")
    if BETA not in (received.header("openai-beta") or ""):
        raise Illegal(f"Invalid 'OpenAI-Beta': expected '{BETA}…'.", param="openai-beta")
    for name in ("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "openai-beta"):
        if sum(key.lower() == name for key, _ in received.headers) > 1:
            raise Illegal(f"The header {name} came twice.", param=name)


def agree(received: Received, *, deflate: bool) -> tuple[list[tuple[str, str]], PerMessageDeflate | None]:
    """The header lines of the 101 for a good handshake, and the compression that it agrees to."""
    key = (received.header("sec-websocket-key") or "").encode("latin-1")
    headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", generate_accept_token(key).decode("latin-1")),
    ]
    agreed = accept_deflate(received.header("sec-websocket-extensions") or "") if deflate else None
    if agreed is None:
        return headers, None
    return [*headers, ("Sec-WebSocket-Extensions", agreed[1])], agreed[0]


class SocketConnection:
    """One WebSocket of a client; what a test does to it beside the script."""

    def __init__(
        self, upstream: StrictUpstream, handshake: Received, channel: Channel, deflate: PerMessageDeflate | None = None
    ) -> None:
        self.handshake = handshake
        self.requests: list[Received] = []
        """The messages that came on it, in order."""
        self.interrupts: list[dict[str, Any]] = []
        """The messages that were to end an answer, in order; each is read at once, whatever is being answered."""
        self.over = asyncio.Event()
        """Set when it has ended, by whichever side."""
        self.cut = False
        """The client broke the connection (it did not end it)."""
        self._upstream = upstream
        self._frames = Frames(channel, client=False, deflate=deflate)
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._gone = False
        self._stopped = False
        self._reply: Reply | None = None

    @property
    def compressed(self) -> bool:
        """Whether messages are compressed."""
        return self._frames.compressed

    @property
    def left(self) -> tuple[int, str] | None:
        """The code and reason of the client's close frame; the real Codex sends none."""
        return self._frames.left

    @property
    def pongs(self) -> list[bytes]:
        """What the client answered to pings."""
        return self._frames.pongs

    @property
    def pings(self) -> list[bytes]:
        """The client's own pings."""
        return self._frames.pings

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping."""
        self._frames.ping(payload)

    def send(self, message: bytes | str | dict[str, Any], fragment: int | None = None) -> None:
        """Send a text message that the script does not hold, in fragments of so many bytes if asked."""
        if isinstance(message, dict):
            message = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        self._frames.send(message.encode() if isinstance(message, str) else message, fragment)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection with a close frame."""
        self._frames.close(code, reason)
        self._stop()

    def abort(self) -> None:
        """Break the connection."""
        self._frames.channel.abort()
        self._stop()

    async def serve(self) -> None:
        """Answer messages one after the other until either side ends."""
        reading = asyncio.create_task(self._read(), name="scripted-websocket-reader")
        try:
            # What came before the client left was asked, too, as a request over HTTP is.
            while not self._stopped and (message := await self._messages.get()) is not None:
                await self._answer(message)
        finally:
            self._stop()
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            self._frames.channel.close()
            self.over.set()

    async def _read(self) -> None:
        try:
            while (message := await self._frames.receive()) is not None:
                if not self._interrupt(message):
                    self._messages.put_nowait(message)
        except ConnectionError:
            self.cut = True
        if self._frames.broken is not None:
            self._upstream.illegal.append(Illegal(f"Not a WebSocket: {self._frames.broken}"))
        self._end()

    def _interrupt(self, message: bytes) -> bool:
        try:
            said = json.loads(message)
            named = response_to_interrupt(said)
            if named is None:
                return False
            self.interrupts.append(said)
            self._upstream.gates.arrival.set()
            chain = self._upstream.chains.get(named)
            running = self._reply is not None and self._reply.interrupt(named)
            # One that has just ended is no fault of the client's: the two messages may have met on the way.
            if not running and (chain is None or chain.connection is not self or not chain.complete):
                raise Illegal(f"Response '{named}' is not active.", code="response_not_found", param="response_id")
        except ValueError:
            return False
        except Illegal as illegal:
            self._upstream.illegal.append(illegal)
            self.send({"type": "error", "status": illegal.status, **illegal.body()})
        return True

    def _stop(self) -> None:
        self._stopped = True
        self._end()

    def _end(self) -> None:
        if not self._gone:
            self._gone = True
            self._messages.put_nowait(None)
            if self._reply is not None:
                self._reply.close()

    async def _answer(self, message: bytes) -> None:
        handshake = self.handshake
        received = Received("WEBSOCKET", handshake.path, handshake.headers, message, connection=self)
        self.requests.append(received)
        reply = self._reply = self._upstream.reply(received, connection=self)
        try:
            if self._gone:
                return
            if reply.status != 200:
                await self._refuse(reply)
            elif not await self._stream(reply) and not self._gone:
                # Where an HTTP body would end well and too early: a WebSocket has only its own end for that.
                self.close(1000)
        except Cut as cut:
            if cut.how == "reset":
                self.abort()
            else:
                self.close(1011, "scripted")
        except UpstreamCut:
            pass  # the client left while the answer stood at a gate
        finally:
            self._reply = None
            reply.close()

    async def _refuse(self, reply: Reply) -> None:
        body = b"".join([step.data async for step in reply.steps() if isinstance(step, Raw)])
        try:
            error = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError):
            error = {"message": body.decode("utf-8", "replace"), "type": "server_error", "code": None}
        headers = {name: value for name, value in reply.headers if name != "content-type"}
        self.send({"type": "error", "status": reply.status, "error": error, "headers": headers})
        await self._frames.channel.drain()

    async def _stream(self, reply: Reply) -> bool:
        ended = False
        try:
            async for step in reply.steps():
                if self._gone:
                    break
                ended = await self._step(step, reply) or ended
        except Interrupted:
            for event in reply.interruption():
                ended = await self._step(event, reply) or ended
        return ended

    async def _step(self, step: dict[str, Any] | Raw, reply: Reply) -> bool:
        if reply.wire.comments:
            self.ping(b"keep-alive")
        data = step.data if isinstance(step, Raw) else json.dumps(step, separators=(",", ":"), ensure_ascii=False)
        self.send(data, reply.wire.chunk)
        await self._frames.channel.drain()
        return _is_end(step)


def _is_end(step: dict[str, Any] | Raw) -> bool:
    if not isinstance(step, Raw):
        return step["type"] in ENDS
    try:
        return json.loads(step.data).get("type") in (*ENDS, "error")
    except (ValueError, AttributeError):
        return False
