"""The client's side of one exchange over its WebSocket: every event is a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..conversation.lineage import Lineage, joined
from ..protocol import replies
from ..protocol.events import Event
from ..protocol.messages import error_frame, goes_on, item_of, response_id_of
from .downstream import KeptAlive
from .frames import Frames
from .transport import Headers

_DONE = "response.output_item.done"
_ENDS = ("response.completed", "response.incomplete")
_BAD_GATEWAY = 502
# What an error frame repeats of an answer's headers: what Codex reads there.
_TOLD = (b"retry-after", b"x-codex-", b"x-request-id", b"openai-")


class SocketDownstream(KeptAlive):
    """An answer over a WebSocket, to a client that has said ``asked`` so far and knows the ids in ``lineage``."""

    def __init__(
        self,
        frames: Frames,
        lineage: Lineage,
        asked: bytes,
        *,
        ids: replies.IdSource,
        clock: Callable[[], float],
        model: str,
        keepalive_s: float,
    ) -> None:
        super().__init__(ids=ids, clock=clock, streams=True, model=model, keepalive_s=keepalive_s)
        self.each_event = True
        self.told = ""
        """The id by which the client knows this response; ``""`` before its first event."""
        self._frames = frames
        self._lineage = lineage
        self._items = [asked]
        self._refused = False
        self._error: list[bytes] = []
        self._headers: dict[str, str] = {}

    async def start(self, status: int, headers: Headers) -> None:
        """A WebSocket's answers have no head; an error's status becomes part of its message."""
        if self.started:
            return
        self.started = True
        self.status = status
        if status != 200:
            self._refused = True
            lines = [(name.lower(), value) for name, value in headers]
            self._headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in lines if n.startswith(_TOLD)}

    async def write(self, events: Sequence[Event]) -> None:
        """Send events, a message for each."""
        ready = True
        if self.witness is not None:
            self.witness.events(events)
        for event in events:
            payload = event.payload
            if not payload:
                continue
            if event.type == _DONE:
                self._items.append(item_of(event))
            elif event.type == "response.created":
                self.told = self.told or response_id_of(event)
            elif event.type in _ENDS and goes_on(event):
                # Before it is sent: the client's next request may follow it at once.
                self._lineage.said(response_id_of(event), joined(*self._items))
            self.count(len(payload))
            ready = self._frames.write(payload)
        if not ready:
            await self._frames.drain()

    async def raw(self, data: bytes) -> None:
        """Keep the body of an error; an answer that is none of the API's streams has no other place here."""
        if self.witness is not None:
            self.witness.raw(data)
        self._error.append(data)

    async def finish(self) -> None:
        """Send the error where there is one; the connection goes on."""
        if self._error or self._refused:
            # An upstream that answers well, but with no stream, has told nothing that a WebSocket could carry.
            status = self.status if self.status >= 400 else _BAD_GATEWAY
            payload = error_frame(status, b"".join(self._error), self._headers)
            self.count(len(payload))
            if not self._frames.write(payload):
                await self._frames.drain()
