"""The listening socket's worker: connections of ours, those that hypercorn serves, and the end of both."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine
from time import process_time
from typing import Any

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Event, Updated

from .connection import Connection
from .direct import Direct
from .memory import give_memory_back
from .passthrough import Receive, Send

App = Callable[[Any, Receive, Send], Coroutine[Any, Any, None]]

BACKLOG = 2048
_SWEEP_S = 5.0
_RESTED = 6
_RESTING = 0.01
"""What share of a processor counts as nothing; so many sweeps of it, and used memory goes back to the system."""
# What connections get to close once the last exchange is over or was ended.
_CLOSE_S = 1.0


class Worker:
    """Accepts connections and runs the application for each request.

    It stands where hypercorn's asyncio worker stands, and makes the same ``TCPServer`` of hypercorn's for every
    connection that says anything out of the ordinary. The others never get there: they need no stream reader, no task
    of their own and no second state machine.
    """

    def __init__(self, app: App, config: Config) -> None:
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.running: set[asyncio.Task[Any]] = set()
        """The tasks of all exchanges, on whichever way."""
        self.draining = False
        self._app = app
        self._config = config
        self._context = WorkerContext(None)
        self._handed: dict[asyncio.Task[None], asyncio.Transport] = {}
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._quiet = 0
        self._used = (self.loop.time(), process_time())
        self._empty = asyncio.Event()

    async def listen(self, listener: socket.socket) -> None:
        """Accept connections from now on."""
        self._server = await self.loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)
        self._sweep()

    # -- exchanges

    def begin(self, connection: Connection, exchange: Direct) -> None:
        """Run the application for a request."""
        task = self.loop.create_task(self._answer(connection, exchange))
        self.running.add(task)
        task.add_done_callback(self._ended)

    async def _answer(self, connection: Connection, exchange: Direct) -> None:
        done = False
        # The scope leads to the exchange; one that led back would keep both until the collector comes.
        scope, exchange.scope = exchange.scope, {}
        try:
            await self._app(scope, exchange.receive, exchange.send)
            done = True
        finally:
            if done:
                connection.answered(exchange)
            else:
                connection.failed(exchange)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log = logging.getLogger("codexplus.server")
            log.error("application_failed error=%s", type(error).__name__, exc_info=error)

    def hand_over(self, connection: Connection, data: bytes) -> None:
        """Let hypercorn serve a connection that begins with ``data``, from here to its end."""
        transport = connection.transport
        reader = asyncio.StreamReader(loop=self.loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self.loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        reader.feed_data(data)
        writer = asyncio.StreamWriter(transport, protocol, reader, self.loop)
        server = _Handed(ASGIWrapper(self._counted), self.loop, self._config, self._context, {}, reader, writer)  # type: ignore[arg-type]
        task = self.loop.create_task(server.run(), name="codexplus-hypercorn")
        self._handed[task] = transport
        task.add_done_callback(self._let_go)
        self.gone(connection)

    async def _counted(self, scope: Any, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self.running.discard(task)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._handed.pop(task, None)
        self._check_empty()
        if not task.cancelled():
            task.exception()

    # -- idle connections

    def _sweep(self) -> None:
        self._rest()
        oldest = self.loop.time() - self._config.keep_alive_timeout
        for connection in list(self.connections):
            if connection.idle_since is not None and connection.idle_since <= oldest:
                if connection.transport.is_closing():
                    # It was closed a sweep ago, and the client does not read what was still to be sent.
                    connection.transport.abort()
                else:
                    connection.transport.close()
        self._sweeper = self.loop.call_later(min(_SWEEP_S, self._config.keep_alive_timeout / 4), self._sweep)

    def _rest(self) -> None:
        # By what is done and not by what is open: Codex keeps its WebSocket between two prompts.
        (since, before), self._used = self._used, (self.loop.time(), process_time())
        now, used = self._used
        self._quiet = 0 if used - before > _RESTING * (now - since) else self._quiet + 1
        if self._quiet == _RESTED:
            give_memory_back()

    # -- the end

    async def stop_accepting(self) -> None:
        """Close the listener and idle connections; exchanges go on, each the last one of its connection."""
        self.draining = True
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self.connections):
            if connection.idle_since is not None:
                connection.transport.close()
        await self._context.terminated.set()
        self._check_empty()

    async def exchanges_ended(self, deadline: float, abort: asyncio.Event) -> None:
        """Wait until no exchange runs, the loop's time is ``deadline``, or ``abort`` is set."""
        aborted = self.loop.create_task(abort.wait())
        try:
            while self.running and not abort.is_set() and (left := deadline - self.loop.time()) > 0:
                await asyncio.wait({aborted, *self.running}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            aborted.cancel()

    async def close(self) -> None:
        """End whatever still runs, its clients see a cut, and let go of all connections."""
        if not self.draining:
            await self.stop_accepting()
        for task in self.running:
            task.cancel()
        for connection in list(self.connections):
            if connection.idle_since is not None:
                connection.transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._empty.wait()
        # A client that does not read keeps its connection open after its exchange has ended.
        for connection in list(self.connections):
            connection.transport.abort()
        for task, transport in list(self._handed.items()):
            transport.abort()
            task.cancel()
        if self._handed:
            await asyncio.wait(set(self._handed), timeout=_CLOSE_S)

    def gone(self, connection: Connection) -> None:
        """A connection of ours is over, or is hypercorn's now."""
        self.connections.discard(connection)
        self._check_empty()

    def _check_empty(self) -> None:
        if self.draining and not self.connections and not self._handed:
            self._empty.set()


class _Handed(TCPServer):
    # hypercorn 0.18 waits for its idle timer before it lets go of a connection whose client has left.
    over = False

    async def _read_data(self) -> None:
        await super()._read_data()
        self.over = True
        await self.idle_task.stop()

    async def protocol_send(self, event: Event) -> None:
        if not (self.over and isinstance(event, Updated)):
            await super().protocol_send(event)
