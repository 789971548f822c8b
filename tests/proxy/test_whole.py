"""The application as `serve` puts it together."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from codexplus_core import Exchange, LocalReply, Session, ToolCall, hookimpl
from codexplus_core.proxy.app import App
from codexplus_core.proxy.build import build
from codexplus_core.proxy.server import serve_app
from codexplus_core.proxy.transport import UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.services.settings import ServeSettings
from codexplus_core.testing import CodexClient, StrictUpstream, shell, text


class Everywhere:
    """Notes the four hooks of the design card."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    def on_session(self, session: Session, phase: str) -> None:
        self.seen.append(f"session {phase}")

    @hookimpl
    def on_request(self, exchange: Exchange) -> LocalReply | None:
        self.seen.append("request")
        return LocalReply("pong") if exchange.prompt == "/ping" else None

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> None:
        self.seen.append("tool use")

    @hookimpl
    def on_chunk(self, exchange: Exchange) -> None:
        self.seen.append("chunk")


async def whole(home: Path, upstream: StrictUpstream, plugin: object, steps: Any) -> App:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    async with asyncio.timeout(60), upstream.listen() as url:
        settings = ServeSettings(
            host="127.0.0.1", port=port, upstream=f"{url}/v1", plugins=(), home=home, listen_fd=listener.detach()
        )
        app = build(settings, {"everywhere": plugin})
        server = asyncio.create_task(serve_app(app, settings, ready=ready.set_result, stop=stop))
        try:
            await steps(await ready)
        finally:
            stop.set()
            await server
    return app


async def ask(client: CurlUpstream, url: str, request: Any) -> bytes:
    answer = await client.open(request.to(url.removesuffix("/v1")))
    body = b""
    while chunk := await answer.read():
        body += chunk
    return body


@pytest.mark.req("D1")
async def test_a_starlette_core_behind_hypercorn_takes_requests_through_the_hooks_to_curl(tmp_path: Path) -> None:
    plugin, codex, client = Everywhere(), CodexClient(), CurlUpstream()
    upstream = StrictUpstream([text("hi") + shell("ls")])
    health: list[bytes] = []

    async def steps(url: str) -> None:
        codex.receive(await ask(client, url, codex.say("hello")))
        answer = await client.open(UpstreamRequest("GET", url.removesuffix("/v1") + "/_codexplus/health", []))
        health.append(await answer.read())

    app = await whole(tmp_path / "state", upstream, plugin, steps)
    await client.aclose()

    assert isinstance(app.own, Starlette)
    assert isinstance(app.upstream, CurlUpstream)
    assert "hypercorn" in sys.modules
    assert plugin.seen[:2] == ["session start", "request"]
    assert {"tool use", "chunk"} <= set(plugin.seen)
    assert b'"service":"codex-plus"' in health[0]
    assert upstream.illegal == []


@pytest.mark.req("P12")
@pytest.mark.abuse("A21")
async def test_after_a_session_no_credential_is_on_disk(tmp_path: Path) -> None:
    plugin, codex, client = Everywhere(), CodexClient(), CurlUpstream()

    async def steps(url: str) -> None:
        for words in ("/ping", "a secret-free prompt", "/ping"):
            codex.receive(await ask(client, url, codex.say(words)))

    await whole(tmp_path / "state", StrictUpstream(), plugin, steps)
    await client.aclose()

    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert "state.db" in {path.name for path in files}
    assert [path.name for path in files if b"dummy-token" in path.read_bytes()] == []
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []
