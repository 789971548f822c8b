"""The raw fast path: one answer piped to the client as its own bytes, with the client's departure in sight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

from .transport import Answer, Headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientGone(Exception):
    """The client hung up; whoever raises it has nothing left to send."""


class Hangup:
    """A block that ends with ClientGone as soon as the client hangs up; enter it when the request's body is read.

    Leave it before the message that ends the answer: after that one, the server reports every client as gone.
    """

    __slots__ = ("_receive", "_task", "_watch", "gone")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._watch: asyncio.Future[Message] | None = None
        self.gone = False

    def __enter__(self) -> Hangup:
        self._task = asyncio.current_task()
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watch, self._watch = self._watch, None
        task, self._task = self._task, None
        if watch is not None:
            watch.cancel()
        # As asyncio.timeout does it: our own cancellation becomes an exception, somebody else's stays one.
        if self.gone and task is not None and task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise ClientGone from error

    def _listen(self) -> None:
        self._watch = watch = asyncio.ensure_future(self._receive())
        watch.add_done_callback(self._heard)

    def _heard(self, watch: asyncio.Future[Message]) -> None:
        if self._task is None or watch.cancelled():
            return
        if watch.exception() is None and watch.result()["type"] == "http.request":
            self._listen()
            return
        self.gone = True
        self._task.cancel()


async def send_head(answer: Answer, send: Send, headers: Headers | None = None) -> None:
    """Send the answer's status and headers (``headers`` in their place, where given) to the client."""
    lines = answer.headers if headers is None else headers
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})


async def pipe(answer: Answer, send: Send) -> None:
    """Send the answer's bytes as they come, up to but without the message that ends it.

    Raises UpstreamCut as the upstream does. The client then sees a cut, with no noise in any log, if the application
    simply returns: the server closes a connection whose answer was not ended. ``send_end`` ends a clean one.
    """
    read = answer.read
    while data := await read():
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def send_end(send: Send) -> None:
    """End the answer cleanly."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})
