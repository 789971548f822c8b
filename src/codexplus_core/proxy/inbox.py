"""What a client says on its WebSocket while it is being answered: requests wait, anything else goes on at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..protocol.body import MalformedBody, RequestBody
from .frames import Frames

_ROOM = 4
_ROOM_BYTES = 4 * 1024 * 1024


class Inbox:
    """A client's messages in the order in which they came.

    ``hand_on`` gets each at once and says whether that was all: what it gives back as False waits for its turn. Where a
    few wait, the others are left to the connection, which holds the client back.
    """

    def __init__(self, client: Frames, hand_on: Callable[[RequestBody], bool]) -> None:
        self._client = client
        self._hand_on = hand_on
        self._waiting: deque[tuple[int, RequestBody | MalformedBody]] = deque()
        self._size = 0
        self._taking = False
        self._waiter: asyncio.Future[None] | None = None
        client.on_unread = self._take
        self._take()

    async def next(self) -> RequestBody | MalformedBody | None:
        """The next message that has its turn, or what is wrong with it; None after ``wake``, or the client left."""
        if not self._waiting and not self._client.gone:
            self._client.on_gone = self.wake
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
            # Who leaves right behind its words is noticed before anything is done for them.
            await asyncio.sleep(0)
        if not self._waiting:
            return None
        size, message = self._waiting.popleft()
        self._size -= size
        self._take()
        return message

    def wake(self, because: object = None) -> None:
        """Let whoever waits for a message look around."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self) -> None:
        if self._taking:
            return  # to take one lets the next ones come, which are taken below, in their order
        self._taking = True
        try:
            while len(self._waiting) < _ROOM and self._size < _ROOM_BYTES:
                data = self._client.pop()
                if data is None:
                    break
                self._one(data)
        finally:
            self._taking = False
        if self._waiting:
            self.wake()

    def _one(self, data: bytes) -> None:
        message: RequestBody | MalformedBody
        try:
            message = RequestBody(data)
            if self._hand_on(message):
                return
        except MalformedBody as bad:
            message = bad
        self._waiting.append((len(data), message))
        self._size += len(data)
