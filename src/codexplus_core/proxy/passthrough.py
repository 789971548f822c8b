"""The raw fast path: one answer piped to the client as its own bytes, with the client's departure in sight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

from .client import EXTENSION, Client, Leaving
from .transport import Answer, Headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientGone(Exception):
    """The client hung up; whoever raises it has nothing left to send."""


class Hangup:
    """A block that ends with ClientGone as soon as the client hangs up; enter it when the request's body is read.

    Leave it before the message that ends the answer: after that one, the server reports every client as gone.
    ``client`` is the server's own way to say so, where it has one; else ``receive`` is listened to.
    """

    __slots__ = ("_client", "_receive", "_task", "_watch", "gone")

    def __init__(self, receive: Receive, client: Leaving | None = None) -> None:
        self._receive = receive
        self._client = client
        self._task: asyncio.Task[Any] | None = None
        self._watch: asyncio.Future[Message] | None = None
        self.gone = False

    def __enter__(self) -> Hangup:
        client = self._client
        if client is not None and client.gone:
            raise ClientGone
        self._task = asyncio.current_task()
        if client is None:
            self._listen()
        else:
            client.on_gone = self._left
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watch, self._watch = self._watch, None
        task, self._task = self._task, None
        left = watch is not None and _says_left(watch)
        if watch is not None:
            watch.cancel()
        if self._client is not None:
            self._client.on_gone = None
        # As asyncio.timeout does it: our own cancellation becomes an exception, somebody else's stays one.
        if self.gone and task is not None and task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise ClientGone from error
        if left and kind is None and not self.gone:
            raise ClientGone  # it is known already, and only the loop has not come to say so

    def _listen(self) -> None:
        self._watch = watch = asyncio.ensure_future(self._receive())
        watch.add_done_callback(self._heard)

    def _heard(self, watch: asyncio.Future[Message]) -> None:
        if self._task is None or watch.cancelled():
            return
        if _says_left(watch):
            self._left()
        else:
            self._listen()

    def _left(self) -> None:
        if self._task is not None:
            self.gone = True
            self._task.cancel()


def _says_left(watch: asyncio.Future[Message]) -> bool:
    if not watch.done() or watch.cancelled():
        return False
    return watch.exception() is not None or watch.result()["type"] != "http.request"


def client_of(scope: MutableMapping[str, Any]) -> Client | None:
    """The shorter way to the client, where the server has one."""
    found: Client | None = scope["extensions"].get(EXTENSION) if "extensions" in scope else None
    return found


async def forward(answer: Answer, send: Send, client: Client | None, headers: Headers | None = None) -> None:
    """Send an answer as it comes, up to but without its end; ``headers`` take the place of its own where given.

    Raises UpstreamCut as the upstream does. The client then sees a cut, with no noise in any log, if the application
    simply returns: the server closes a connection whose answer was not ended. ``send_end`` ends a clean one.
    """
    lines = answer.headers if headers is None else headers
    if client is None:
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        while data := await answer.read():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        return
    client.start(answer.status, lines)
    client.on_resume = answer.resume
    try:
        await answer.pipe(client.write, client.write_chunks if client.chunked else None)
    finally:
        client.on_resume = None


async def send_end(send: Send, client: Client | None = None) -> None:
    """End the answer cleanly."""
    if client is None:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        client.end()
