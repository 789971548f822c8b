"""A WebSocket handshake put to an ASGI application that takes the connection's raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..proxy.client import SOCKET
from ..proxy.transport import Duplex, Headers
from .pipes import Pipe, pipes
from .upstream_socket import Joined

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Upgrade:
    """What the application is given to take the connection with."""

    def __init__(self, pipe: Pipe) -> None:
        self.decision: asyncio.Future[Headers] = asyncio.get_running_loop().create_future()
        self._pipe = pipe

    async def accept(self, headers: Headers) -> Duplex:
        """Send a 101 with exactly these header lines; the connection's bytes from there on."""
        if self.decision.done():
            raise RuntimeError("the handshake was answered before")
        self.decision.set_result(list(headers))
        return self._pipe


class Refusal:
    """The answer to a handshake that was refused, which is whole."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.body = b""
        self.whole = asyncio.Event()

    async def read(self) -> bytes:
        """The body, then ``b""``."""
        body, self.body = self.body, b""
        return body


class AsgiSockets:
    """Opens WebSockets at an application, each served by a task as a server does it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, scope: Message) -> Joined | Refusal:
        """Send a handshake; ``scope`` without type and extensions."""
        here, there = pipes()
        upgrade, refusal = Upgrade(there), Refusal()
        task = asyncio.create_task(self._serve(scope, upgrade, refusal, there), name="asgi-websocket")
        self._tasks.add(task)
        refused = asyncio.create_task(refusal.whole.wait())
        try:
            waiting: set[asyncio.Future[Any]] = {task, refused, upgrade.decision}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            here.close()
            raise
        finally:
            refused.cancel()
        if upgrade.decision.done():
            return Joined(upgrade.decision.result(), here)
        if refusal.whole.is_set():
            # Nothing more is to come on the connection.
            here.close()
            return refusal
        self._tasks.discard(task)
        await task
        raise AssertionError("the application returned without an answer to the handshake")

    async def aclose(self, patience_s: float = 10.0) -> None:
        """Return when the application has left every connection; its clients have to leave first.

        Raises what the application raised, and AssertionError where it holds on to a connection whose client has left.
        """
        tasks, self._tasks = self._tasks, set()
        if not tasks:
            return
        done, left = await asyncio.wait(tasks, timeout=patience_s)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for task in done:
            task.result()
        if left:
            raise AssertionError("the application still serves a WebSocket whose client has left")

    async def _serve(self, scope: Message, upgrade: Upgrade, refusal: Refusal, pipe: Pipe) -> None:
        given = False

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "websocket.connect"}
            await pipe.over.wait()
            return {"type": "websocket.disconnect", "code": 1006}

        async def send(message: Message) -> None:
            kind = message["type"]
            if upgrade.decision.done() or kind not in ("websocket.http.response.start", "websocket.http.response.body"):
                raise RuntimeError(f"{kind} has no place here")
            if kind.endswith("start"):
                refusal.status, refusal.headers = message["status"], list(message["headers"])
                return
            refusal.body += message.get("body", b"")
            if not message.get("more_body", False):
                refusal.whole.set()

        extensions = {"websocket.http.response": {}, SOCKET: upgrade}
        try:
            await self._app({**scope, "type": "websocket", "extensions": extensions}, receive, send)
        except BaseException:
            pipe.abort()
            raise
        finally:
            pipe.close()
