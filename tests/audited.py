"""A proxy with the audit log, beside a plugin that does what there is to be kept, and what the log holds then."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

from metered import Settings

from codexplus_core import Core, Exchange, ToolCall, hookimpl
from codexplus_core.testing import Harness, text
from codexplus_enterprise import plugin
from codexplus_enterprise.audit.files import stream_files
from codexplus_enterprise.audit.keys import read_key
from codexplus_enterprise.audit.verify import verify

Transport = Literal["http", "websocket"]


class Worker:
    """A plugin that runs, refuses and asks."""

    def __init__(self) -> None:
        self.core: Any = None
        self.do: Callable[[Exchange], Any] | None = None
        self.judge: Callable[[ToolCall], Any] = lambda call: None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    async def on_request(self, exchange: Exchange) -> Any:
        return None if self.do is None or exchange.prompt is None else await self.do(exchange)

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> Any:
        return self.judge(call)


def harness(settings: Settings, worker: Worker, *script: Any, transport: Transport = "http") -> Harness:
    plugins = {"worker": worker, "enterprise": plugin}
    return Harness(plugins, script=script or [text("hello")], config=settings.config(), transport=transport)


def records(settings: Settings) -> list[dict[str, Any]]:
    folder = settings.home / ".codexplus" / "audit"
    files = [path for paths in stream_files(folder).values() for path in paths]
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def whole(settings: Settings) -> bool:
    folder = settings.home / ".codexplus" / "audit"
    return verify(folder, [read_key(folder / "audit.key")])[1] == []


def only(settings: Settings, action: str) -> dict[str, Any]:
    (found,) = [record for record in records(settings) if record["event.action"] == action]
    return found
