"""A whole proxy in process, between a model of Codex and a strict scripted upstream: what plugin tests run against."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Any

from ..conversation.record import LedgerStore, MemoryStore
from ..dispatch import Dispatcher
from ..exchange import Transport
from ..loader import load_plugins
from ..proxy.app import App
from ..proxy.guard import Guard
from ..proxy.target import Targets
from ..services.approvals.service import Approvals
from ..services.config import Config
from ..services.memory import MemoryValues
from ..services.settings import WebSockets
from ..services.transcripts import Transcripts
from .asgi_socket import AsgiSockets, Refusal
from .client_reply import Reply
from .codex import CodexClient
from .codex_requests import ClientRequest
from .codex_socket import CodexSocket
from .upstream import Scripted, StrictUpstream
from .upstream_socket import Joined

BASE = "http://upstream.test/v1"
PORT = 3000


@dataclass(slots=True)
class Log:
    """A log that keeps its events: ``log.events("plugin_failed")``."""

    entries: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def _keep(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self.entries.append((level, event, fields))

    def debug(self, event: str, **fields: Any) -> None:
        """Keep a debug event."""
        self._keep("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Keep an info event."""
        self._keep("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Keep a warning event."""
        self._keep("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Keep an error event."""
        self._keep("error", event, fields)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The fields of every event of that name."""
        return [fields for _, event, fields in self.entries if event == name]


class Harness:
    """A proxy for tests.

        async with Harness(plugins=[my_plugin], script=[text("hello")]) as proxy:
            answer = await proxy.say("hi")
            assert answer.text == "hello"

    ``plugins`` are modules or objects with hookimpls, or a mapping of names to them. ``script`` is what the upstream
    answers (``codexplus_core.testing.text``, ``call``, ``shell`` …). ``proxy.upstream`` has every request that
    reached it, ``proxy.log`` every log event; on leaving, a request that the real API would refuse fails the test,
    unless ``strict`` is False. ``codex`` names the version that the client is modelled on. With
    ``transport="websocket"`` it tries a WebSocket first, as Codex 0.120 and later do; ``websockets`` is the proxy's
    setting of that name. ``config`` is what plugins find in ``core.config``; by default no settings file is read. What
    is allowed is forgotten at the end, unless ``approvals`` is an object that was made for a directory; transcripts are
    kept only by ``transcripts``.
    """

    def __init__(
        self,
        plugins: Sequence[object] | Mapping[str, object] = (),
        *,
        script: Iterable[Scripted] = (),
        codex: str = "0.169.0",
        auth: Any = "chatgpt",
        transport: Transport = "http",
        websockets: WebSockets = "auto",
        store: LedgerStore | None = None,
        upstream: StrictUpstream | None = None,
        cwd: str = "/home/user/project",
        strict: bool = True,
        keepalive_s: float = 4.0,
        limit: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        config: Config | None = None,
        approvals: Approvals | None = None,
        transcripts: Transcripts | None = None,
    ) -> None:
        self.log = Log()
        self.transport: Transport = transport
        self.upstream = upstream if upstream is not None else StrictUpstream(script)
        self.codex = CodexClient(codex, auth, cwd=cwd)
        self.store = store if store is not None else MemoryStore()
        self.plugins = load_plugins((), entry_points=(), extra=_named(plugins))
        self.strict = strict
        ids = itertools.count(1)
        uid = os.getuid() if hasattr(os, "getuid") else 0
        self.app = App(
            plugins=self.plugins,
            dispatcher=Dispatcher(self.plugins, log=self.log, clock=clock, limit=limit),
            guard=Guard(port=PORT, uid_of=lambda *_: uid, own_uid=uid),
            upstream=self.upstream,
            targets=Targets(override=BASE),
            store=MemoryValues(self.store),
            log=self.log,
            config=config if config is not None else Config(None),
            approvals=approvals,
            transcripts=transcripts,
            ids=lambda: f"test{next(ids)}",
            clock=clock,
            keepalive_s=keepalive_s,
            websockets=websockets,
        )
        self._server = AsgiSockets(self.app)
        self._sockets: dict[int, CodexSocket] = {}
        if transport == "websocket":
            self.socket_of(self.codex)

    async def __aenter__(self) -> Harness:
        await self.app.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for socket in self._sockets.values():
            await socket.close()
        try:
            await self._server.aclose()
        finally:
            await self.app.stop()
        if self.strict and kind is None and self.upstream.illegal:
            raise AssertionError(f"the API would refuse: {[str(illegal) for illegal in self.upstream.illegal]}")

    # -- what a user does

    async def say(self, text: str) -> Reply:
        """Type ``text`` and wait for the answer."""
        return await self.send(self.codex.say(text))

    async def tool_outputs(self, results: Mapping[str, Any] | str = "ok") -> Reply:
        """Let Codex answer the open tool calls, by call id or all with one text."""
        return await self.send(self.codex.outputs(results))

    async def retry(self) -> Reply:
        """Let Codex send its last request again, as after a cut."""
        return await self.send(self.codex.retry())

    def resume(self) -> None:
        """Continue the thread in a new Codex process."""
        if self.transport == "websocket":
            self.socket.drop()
        self.codex = self.codex.resume()

    @property
    def socket(self) -> CodexSocket:
        """The WebSocket of the harness's own Codex, with ``transport="websocket"``."""
        return self.socket_of(self.codex)

    def socket_of(self, codex: CodexClient) -> CodexSocket:
        """The WebSocket of a thread: each has one of its own."""
        if self.transport != "websocket":
            raise ValueError('the harness speaks HTTP: make it with transport="websocket"')
        found = self._sockets.get(id(codex))
        if found is None:
            found = self._sockets[id(codex)] = CodexSocket(codex, self._connect)
        return found

    async def send(self, request: ClientRequest, codex: CodexClient | None = None) -> Reply:
        """Send a request of ``codex`` (the harness's own unless given) and let it read the answer."""
        client = self.codex if codex is None else codex
        if self.transport == "websocket":
            answered = await self.socket_of(client).send(request)
            if answered is not None:
                return answered
        reply = await self.request(request.method, request.path, request.headers, request.body)
        reply.seen = client.receive(reply.body, cut=not reply.ended, status=reply.status)
        return reply

    async def request(
        self,
        method: str,
        path: str,
        headers: Iterable[tuple[bytes, bytes]] = (),
        body: bytes = b"",
        *,
        leave: asyncio.Event | None = None,
    ) -> Reply:
        """Send any request; once ``leave`` is set the client hangs up."""
        reply = Reply()
        left = leave if leave is not None else asyncio.Event()
        given = False

        async def receive() -> MutableMapping[str, Any]:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status, reply.headers = message["status"], list(message["headers"])
            else:
                reply.body += message.get("body", b"")
                reply.ended = not message.get("more_body", False)

        scope = {"type": "http", "method": method, "extensions": {}, **_scope(path, headers), "scheme": "http"}
        await self.app(scope, receive, send)
        return reply

    async def _connect(self, request: ClientRequest) -> Joined | Refusal:
        return await self._server.open({**_scope(request.path, request.headers), "scheme": "ws", "subprotocols": []})


def _scope(path: str, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    own = [(name, value) for name, value in headers if name.lower() != b"host"]
    own.insert(0, (b"host", f"127.0.0.1:{PORT}".encode()))
    raw, _, query = path.partition("?")
    return {
        "asgi": {"version": "3.0"}, "http_version": "1.1", "path": raw, "raw_path": raw.encode("latin-1"),
        "query_string": query.encode("latin-1"), "root_path": "", "headers": own, "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", PORT), "state": {},
    }  # fmt: skip


def _named(plugins: Sequence[object] | Mapping[str, object]) -> Mapping[str, object]:
    if isinstance(plugins, Mapping):
        return plugins
    named: dict[str, object] = {}
    for at, plugin in enumerate(plugins):
        name = plugin.__name__ if isinstance(plugin, ModuleType | type) else type(plugin).__name__
        name = name.rpartition(".")[2].removeprefix("codexplus_")
        named[name if name not in named else f"{name}{at}"] = plugin
    return named
