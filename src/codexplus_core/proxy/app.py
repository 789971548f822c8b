"""The application: guard, own routes, and the proxy behind them."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from ..conversation.record import LedgerStore
from ..dispatch import Dispatcher
from ..dispatch_account import refused_access
from ..loader import Plugins
from ..services.about import About
from ..services.approvals.service import Approvals
from ..services.commands import Commands
from ..services.config import Config
from ..services.core import Services
from ..services.log import request_id
from ..services.plugin_store import PluginStore, Values
from ..services.plugins_allowed import ForbiddenSince
from ..services.redact import Redactor
from ..services.sessions import Sessions
from ..services.settings import WebSockets
from ..services.transcripts import Transcripts
from ..services.version import own_version
from ..watchdog import Watchdog
from .conversation_socket import Means
from .downstream import KEEPALIVE_S
from .guard import OWN_ROUTES, TOKEN_HEADER, Denied, Guard
from .http import HttpProxy
from .peer import PeerUid
from .refuse import refuse
from .relay import Relay
from .target import Targets
from .transport import Upstream
from .unreachable import Unreachable
from .websocket import WebSocketProxy

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_SWEEP_S = 60.0
_SECRETS = frozenset((TOKEN_HEADER, b"authorization", b"cookie"))


class Store(LedgerStore, Values, Protocol):
    """Where everything that outlives a request is kept."""

    def close(self) -> None:
        """Let go of files; what was saved stays."""
        ...


class App:
    """The ASGI application. ``start`` before the first request, ``drain`` when no new one is to come, then ``stop``."""

    def __init__(
        self,
        *,
        plugins: Plugins,
        dispatcher: Dispatcher,
        guard: Guard,
        upstream: Upstream,
        targets: Targets,
        store: Store,
        log: Any,
        config: Config,
        ids: Callable[[], str] = lambda: uuid.uuid4().hex,
        clock: Callable[[], float] = time.monotonic,
        keepalive_s: float = KEEPALIVE_S,
        websockets: WebSockets = "auto",
        watchdog: Watchdog | None = None,
        peer: PeerUid | None = None,
        approvals: Approvals | None = None,
        transcripts: Transcripts | None = None,
        redactor: Redactor | None = None,
        chores: Sequence[Callable[[], None]] = (),
    ) -> None:
        self.plugins = plugins
        self.dispatcher = dispatcher
        self._upstream_named = config.get("upstream") or "by login"
        self.guard = guard
        self.upstream = upstream
        self.store = store
        self.log = log
        self._clock = clock
        self._began = clock()
        self.sessions = Sessions(store, clock)
        added = plugins.call_sync("add_commands")
        self.commands = Commands(added, log.warning, dispatcher.rows, dispatcher.command)
        self.approvals = approvals if approvals is not None else Approvals()
        self.approvals.out_of_band = lambda: config.user.get("approvals.outOfBand", False) is True
        self.core = Services(
            dispatcher=dispatcher, commands=self.commands, store=PluginStore(store), log=log, config=config,
            approvals=self.approvals, transcripts=transcripts, about=About(plugins, self.health),
            redactor=redactor,
        )  # fmt: skip
        self.transcripts = transcripts
        self._forbidden = ForbiddenSince(plugins, config, log)
        unreachable = Unreachable(log, clock)
        self._relay = Relay(
            dispatcher=dispatcher, sessions=self.sessions, upstream=upstream, targets=targets,
            commands=self.commands, approvals=self.approvals, log=log, ids=ids, clock=clock, transcripts=transcripts,
            unreachable=unreachable,
        )  # fmt: skip
        self._proxy = HttpProxy(
            relay=self._relay, dispatcher=dispatcher, sessions=self.sessions, upstream=upstream, targets=targets,
            log=log, ids=ids, clock=clock, unreachable=unreachable, keepalive_s=keepalive_s,
        )  # fmt: skip
        means = Means(self._relay, log, ids, clock, keepalive_s)
        self._websockets = WebSocketProxy(
            means=means, upstream=upstream, targets=targets, unreachable=unreachable, mode=websockets
        )
        self._websockets_mode = websockets
        self.own = Starlette(routes=self._routes())
        # Two proxies, or one and the next, may write into one file.
        self._run, self._numbers = secrets.token_hex(3), itertools.count(1)
        self.active = 0
        self.draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._watchdog = watchdog
        self._peer = peer
        self._sweeper: asyncio.Task[None] | None = None
        self._housekeeper: asyncio.Task[None] | None = None
        self._chores = tuple(chores)
        """What is done in a thread at the start and once a minute."""

    # -- life

    async def start(self) -> None:
        """Tell the plugins; requests may come from now on."""
        await self.dispatcher.startup(self.core)
        if self._watchdog is not None:
            self._watchdog.start()
        self._sweeper = asyncio.create_task(self._sweep(), name="codexplus-sessions")
        if self._chores:
            self._housekeeper = asyncio.create_task(self._keep_house(), name="codexplus-chores")

    async def drain(self, deadline_s: float) -> bool:
        """Stop being ready and wait for the requests under way; False where some were left at the deadline."""
        self.draining = True
        self._websockets.drain()
        try:
            async with asyncio.timeout(deadline_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End sessions, tell the plugins, and let go of connections and files."""
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if self._housekeeper is not None:
            self._housekeeper.cancel()
            self._housekeeper = None
        for session in self._relay.ended_sessions(all=True):
            await self.dispatcher.session(session, "end")
        await self.dispatcher.shutdown(self.core)
        await self.core.close()
        await self.upstream.aclose()
        self.guard.close()
        self.store.close()
        self.approvals.close()
        if self.transcripts is not None:
            await asyncio.to_thread(self.transcripts.close)
        if self._peer is not None:
            self._peer.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._forbidden.look()
            for session in self._relay.ended_sessions():
                await self.dispatcher.session(session, "end")

    async def _keep_house(self) -> None:
        while True:
            # What plugins have done here may fail, and has to be done all the same the next time.
            calls = (asyncio.to_thread(chore) for chore in self._chores)
            for made in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(made, BaseException):
                    self.log.error("chore_failed", error=f"{type(made).__name__}: {made}")
            await asyncio.sleep(_SWEEP_S)

    # -- requests

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Judge a request by its head, then route it: ours, or the upstream's."""
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
            return
        asked = request_id.set(f"{self._run}-{next(self._numbers)}")
        verdict = self.guard.check(scope)
        if isinstance(verdict, Denied):
            self.log.warning("request_refused", code=verdict.code, status=verdict.status)
            self.dispatcher.note(refused_access(verdict.code, verdict.status))
            request_id.reset(asked)
            await refuse(verdict, scope, receive, send)
            return
        self.active += 1
        self._idle.clear()
        try:
            if verdict.own:
                await self._serve_own(scope, verdict.path, receive, send)
            elif kind == "websocket":
                await self._websockets(scope, verdict, receive, send)
            else:
                await self._proxy(scope, verdict, receive, send)
        finally:
            request_id.reset(asked)
            self.active -= 1
            if not self.active:
                self._idle.set()

    async def _serve_own(self, scope: MutableMapping[str, Any], path: bytes, receive: Receive, send: Send) -> None:
        inner = dict(scope)
        inner["raw_path"] = path
        inner["path"] = path.decode("latin-1")
        # A plugin's route is told that the request was admitted, not by which secret.
        inner["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() not in _SECRETS]
        await self.own(inner, receive, send)

    def _routes(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = [
            Route("/health", self._health, methods=["GET"]),
            Route("/ready", self._ready, methods=["GET"]),
            Route("/commands", self._list_commands, methods=["GET"]),
        ]
        taken = {"/health": "core", "/ready": "core", "/commands": "core"}
        for plugin, route in self.plugins.call_sync("add_routes"):
            path = getattr(route, "path", None)
            if not isinstance(route, BaseRoute) or not isinstance(path, str) or not path.startswith("/"):
                self.log.warning("route_unusable", plugin=plugin, route=repr(path))
            elif path in taken:
                self.log.warning("route_conflict", plugin=plugin, route=path, taken_by=taken[path])
            else:
                taken[path] = plugin
                routes.append(route)
        return [Mount(OWN_ROUTES.decode(), routes=routes)]

    def health(self) -> dict[str, Any]:
        """How the proxy is, for whoever asks."""
        return {
            "service": "codex-plus",
            "version": own_version(),
            "pid": os.getpid(),
            "status": "draining" if self.draining else "ok",
            "uptime_s": round(self._clock() - self._began, 1),
            "active": self.active,
            "streams": self._relay.under_way,
            "sessions": len(self.sessions),
            "upstream": self._upstream_named,
            "websockets": self._websockets_mode,
            "store": getattr(self.store, "trouble", "") or "ok",
            "plugins": self.dispatcher.health(),
        }

    async def _health(self, request: Request) -> JSONResponse:
        return JSONResponse(self.health())

    async def _list_commands(self, request: Request) -> JSONResponse:
        project = Path(request.query_params.get("cwd", ""))
        rows = await self.commands.listing(project if project.is_absolute() else None)
        return JSONResponse([asdict(row) for row in rows])

    async def _ready(self, request: Request) -> JSONResponse:
        return JSONResponse({"ready": not self.draining}, status_code=503 if self.draining else 200)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
