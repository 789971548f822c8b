"""Text messages over the bytes of an upgraded connection: what a relay that reads along needs of RFC 6455."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from .deflate import MESSAGE_LIMIT
from .frame_edge import FrameEdge
from .skim_socket import SocketSkim
from .transport import Duplex

_WAITING = 256
_WAITING_BYTES = 4 * 1024 * 1024
# Taken apart in one turn of the loop: it may be some thousand fragments, or unpack to a thousand times as much.
_STEP = 16 * 1024
_NOTHING = memoryview(b"")


class Frames:
    """One side of a WebSocket connection, after its handshake.

    Pings are answered and bytes taken as they come, so that a peer which leaves is noticed while nobody reads.
    """

    def __init__(self, duplex: Duplex, *, server: bool, deflate: PerMessageDeflate | None = None) -> None:
        self._duplex = duplex
        extensions: list[Extension] = [deflate] if deflate is not None else []
        self._connection = Connection(ConnectionType.SERVER if server else ConnectionType.CLIENT, extensions)
        self.plain = deflate is None
        """Whether messages stand in their frames as they are, without compression."""
        self._messages: deque[bytes] = deque()
        self._size = 0
        self._edge = FrameEdge()
        self._heard = False
        self._passing: SocketSkim | None = None
        self._parts = bytearray()
        self._unread = _NOTHING  # what was not taken apart yet; a view, for a step is not to copy all the rest
        self._stepping = False
        self._over = False
        self._held = False
        self._waiter: asyncio.Future[None] | None = None
        self._resting: asyncio.Task[None] | None = None
        self.gone = False
        """The peer has left, or was sent away."""
        self.on_gone: Callable[[], None] | None = None
        self.on_unread: Callable[[], None] | None = None
        """Called when messages have come while nobody reads."""
        self.close_code: int | None = None
        """The code of the peer's close frame; None where it sent none."""
        self.close_reason = ""
        self._end = duplex.pipe(self._feed)
        self._end.add_done_callback(self._ended)

    # -- what comes

    async def read(self) -> bytes | None:
        """The next message; None once the peer has left."""
        await self._some()
        return self.pop()

    def pop(self) -> bytes | None:
        """The oldest message that waits by now; None where none does."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._size -= len(message)
        self._let_come()
        return message

    async def read_all(self, passing: SocketSkim | None = None) -> list[bytes]:
        """All messages that have come, at least one; none once the peer has left.

        What comes while this waits and ``passing`` takes has gone out by then and is not returned.
        """
        self._passing = passing
        try:
            await self._some()
        finally:
            self._passing = None
        return self.take()

    async def _some(self) -> None:
        while not self._messages and not self.gone:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def take(self) -> list[bytes]:
        """The messages that wait by now."""
        found = list(self._messages)
        self._messages.clear()
        self._size = 0
        self._let_come()
        return found

    def _let_come(self) -> None:
        if self._held and not self._full():
            self._held = False
            self._go_on()

    def _full(self) -> bool:
        return len(self._messages) >= _WAITING or self._size >= _WAITING_BYTES

    def put_back(self, messages: list[bytes]) -> None:
        """Let messages that were read wait again, in front of all others."""
        self._messages.extendleft(reversed(messages))
        self._size += sum(map(len, messages))

    def rest_until(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Hold the peer back until ``ready`` returns, because what it says makes somebody wait for bytes to go."""
        if self._resting is None:
            self._resting = asyncio.get_running_loop().create_task(self._rest(ready))

    def heard(self) -> bool:
        """Whether the peer has said anything since the last call, or cannot because we hold it back."""
        heard, self._heard = self._heard, False
        return heard or bool(self._messages or self._unread or self._held or self._resting)

    def _feed(self, data: bytes) -> bool:
        self._heard = True
        if self._passing is not None and (passed := self._pass_on(self._passing, data)):
            if passed == len(data):
                return self._resting is None
            data = data[passed:]
        self._edge.feed(data)
        self._unread = memoryview(bytes(self._unread) + data if self._unread else data)
        self._step()
        return not (self._unread or self._held or self._resting)

    def _pass_on(self, passing: SocketSkim, data: bytes) -> int:
        if not (self.plain and passing.plain and self._edge.between):
            return 0
        if self._unread or self._messages or self._parts or self.gone:
            return 0  # what came before these bytes is to be read before them
        passed = passing.frames(data)
        if not passing.ready:
            self.rest_until(passing.drain)
        return passed

    def _step(self) -> None:
        self._stepping = False
        if self.gone:
            self._unread = _NOTHING
            return
        step, self._unread = self._unread[:_STEP], self._unread[_STEP:] or _NOTHING
        self._connection.receive_data(bytes(step))
        for event in self._connection.events():
            self._event(event)
        self._say_unread()
        self._held = self._full()
        if self._unread or self._over:
            self._go_on()

    def _go_on(self) -> None:
        # What has come is taken apart first, a step in each turn of the loop; then the peer may go on.
        if self._held or self._resting is not None or self._stepping:
            return
        if self._unread and not self.gone:
            self._stepping = True
            asyncio.get_running_loop().call_soon(self._next_step)
        elif self._over:
            self._leave()
        elif not self.gone:
            self._duplex.resume()

    def _next_step(self) -> None:
        self._step()
        if not (self._unread or self._over):
            self._go_on()

    def _say_unread(self) -> None:
        if self._messages and self._waiter is None and self.on_unread is not None:
            self.on_unread()

    def _event(self, event: Event) -> None:
        if self.gone:
            return  # what comes behind a close is nobody's
        if isinstance(event, TextMessage):
            self._text(event)
        elif isinstance(event, Ping):
            self._pong(event)
        elif isinstance(event, CloseConnection):
            self._closing(event)
        elif isinstance(event, BytesMessage):
            self.close(CloseReason.UNSUPPORTED_DATA, "messages here are text")

    def _text(self, event: TextMessage) -> None:
        data = event.data.encode()
        if len(self._parts) + len(data) > MESSAGE_LIMIT:
            self._parts.clear()
            self.close(CloseReason.MESSAGE_TOO_BIG, f"a message may have {MESSAGE_LIMIT} bytes")
            return
        if self._parts or not event.message_finished:
            # As bytes in one piece: many small fragments cost no more than their words.
            self._parts += data
            if not event.message_finished:
                return
            data = bytes(self._parts)
            self._parts.clear()
        passing = self._passing
        if passing is not None and not self._messages and passing.message(data):
            if not passing.ready:
                self.rest_until(passing.drain)
            return
        self._messages.append(data)
        self._size += len(data)
        self._wake()

    def _pong(self, ping: Ping) -> None:
        if not self._duplex.write(self._connection.send(ping.response())):
            # Who pings and reads no answer is not to fill our memory with pongs.
            self.rest_until(self._duplex.drain)

    async def _rest(self, ready: Callable[[], Awaitable[None]]) -> None:
        await ready()
        self._resting = None
        self._go_on()

    def _closing(self, event: CloseConnection) -> None:
        if self._connection.state is ConnectionState.OPEN:
            # No close frame came: it is wsproto's way to say that the peer's bytes are no WebSocket.
            self.close(event.code, event.reason or "")
            return
        self.close_code, self.close_reason = event.code, event.reason or ""
        self._answer_close(event)

    def _answer_close(self, event: CloseConnection) -> None:
        with contextlib.suppress(LocalProtocolError):  # it answers ours
            self._duplex.write(self._connection.send(event.response()))
        self._duplex.close()
        self._leave()

    def _ended(self, end: asyncio.Future[None]) -> None:
        if not end.cancelled():
            end.exception()
        self._over = True
        if not self._unread:
            self._leave()

    def _leave(self) -> None:
        if self.gone:
            return
        self.gone = True
        self._wake()
        self._say_unread()  # before the end: what came with a close frame was said first
        told, self.on_gone, self.on_unread = self.on_gone, None, None
        if told is not None:
            told()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # -- what goes

    def write(self, payload: bytes) -> bool:
        """Send a text message; False where the peer reads too slowly, then ``drain``."""
        if self.gone:
            return True
        return self._duplex.write(self._connection.send(TextMessage(data=payload.decode("utf-8", "replace"))))

    def write_frames(self, data: bytes) -> bool:
        """Send messages that stand in frames already, on a ``plain`` connection; False as ``write`` says it."""
        return self.gone or self._duplex.write(data)

    async def drain(self) -> None:
        """Wait until more may be sent."""
        await self._duplex.drain()

    def close(self, code: int = CloseReason.NORMAL_CLOSURE, reason: str = "") -> None:
        """End the connection with a close frame."""
        if self.gone:
            return
        with contextlib.suppress(LocalProtocolError):
            self._duplex.write(self._connection.send(CloseConnection(code=code, reason=reason or None)))
        self._duplex.close()
        self._leave()

    def end(self) -> None:
        """End the connection without a close frame, once what waits is sent: the peer sees a cut."""
        self._duplex.close()
        self._leave()

    def abort(self) -> None:
        """End the connection at once and without a word: the peer sees a cut."""
        self._duplex.abort()
        self._leave()
