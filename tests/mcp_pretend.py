"""Servers that answer in process: what a test of the model's side needs, without a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from codexplus_core.testing import Harness
from codexplus_mcp.connection import State, Status
from codexplus_mcp.failure import Failure
from codexplus_mcp.server import Server, ServerSet
from codexplus_mcp.trust import Trust

Answerer = Callable[..., Awaitable[CallToolResult]]
ANY = {"type": "object", "properties": {"text": {"type": "string"}}}


def server(name: str = "s", **more: Any) -> Server:
    return Server(name, more.pop("scope", "user"), "stdio", command="x", digest=more.pop("digest", f"d-{name}"), **more)


def tool(name: str, description: str = "", *, read_only: bool = True, schema: Any = None) -> Tool:
    hints = ToolAnnotations(read_only_hint=read_only)
    return Tool(name=name, description=description, input_schema=schema or ANY, annotations=hints)


def said(*texts: str, error: bool = False, structured: Any = None) -> CallToolResult:
    content: list[Any] = [TextContent(type="text", text=text) for text in texts]
    return CallToolResult(content=content, is_error=error, structured_content=structured)


async def echo(name: str, arguments: Mapping[str, Any], progress: Any) -> CallToolResult:
    return said(f"{name}: {arguments.get('text', '')}")


class Pretend:
    """One server's connection."""

    def __init__(self, of: Server, tools: list[Tool], answer: Answerer = echo) -> None:
        self.server = of
        self.tools = tools
        self.answer = answer
        self.generation = 0
        self.listed = 0
        self.calls: list[tuple[str, Any]] = []
        self.cancelled = 0
        self.fails: Failure | None = None
        self.instructions = ""
        self.status = Status("idle")
        self.gate: asyncio.Event | None = None

    @property
    def state(self) -> State:
        return self.status.state

    async def connect(self) -> None:
        return

    async def list_tools(self) -> tuple[Tool, ...]:
        self.listed += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            self.status = Status("failed")
            raise self.fails
        self.status = Status("connected")
        return tuple(self.tools)

    async def call_tool(self, name: str, arguments: Any = None, *, timeout: Any = None, progress: Any = None) -> Any:
        self.calls.append((name, arguments))
        self.status = Status("connected")
        try:
            return await self.answer(name, arguments, progress)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def list_prompts(self) -> tuple[Any, ...]:
        return ()

    async def list_resources(self) -> tuple[Any, ...]:
        return ()


class World:
    """All servers of a test, put in the place of the settings and the connections."""

    def __init__(self, *connections: Pretend) -> None:
        self.by_name = {one.server.name: one for one in connections}
        self.projects: dict[Path, list[Pretend]] = {}

    def install(self, patch: pytest.MonkeyPatch) -> World:
        world = self

        class Servers:
            def __init__(self, core: Any) -> None:
                return

            def of(self, project: Path | None) -> ServerSet:
                own = world.projects.get(project, []) if project is not None else []
                return ServerSet(tuple(one.server for one in (*world.by_name.values(), *own)))

        class Connections:
            def __init__(self, core: Any) -> None:
                self.trust = Trust(core)

            def get(self, server: Server) -> Any:
                every = (*world.by_name.values(), *(one for some in world.projects.values() for one in some))
                return next(one for one in every if one.server.digest == server.digest)

            known = get

            async def close(self) -> None:
                return

        patch.setattr("codexplus_mcp.settings.Servers", Servers)
        patch.setattr("codexplus_mcp.connections.Connections", Connections)
        patch.setattr("codexplus_mcp.prompt_edits.PromptEdits", _NoEdits)
        return self


class _NoEdits:
    def __init__(self, *_: Any) -> None:
        return

    async def on_request(self, exchange: Any) -> None:
        return None

    async def rows(self, project: Any) -> list[Any]:
        return []


def plugin() -> Any:
    from codexplus_mcp.plugin import Plugin

    made = Plugin()
    # The command has tests of its own; it asks more of its connections than these can answer.
    made.add_commands = list  # type: ignore[method-assign]
    return SimpleNamespace(
        ORDER=60, **{name: getattr(made, name) for name in (
            "add_routes", "on_startup", "on_request", "on_tool_use", "on_chunk", "on_exchange_end", "on_shutdown",
        )}
    )  # fmt: skip


def outputs(proxy: Harness, at: int = -1) -> list[Any]:
    return [item["output"] for item in proxy.upstream.turns[at].conversation if "output" in item]


def offered(proxy: Harness, at: int = 0) -> list[str]:
    body = proxy.upstream.turns[at].body
    extra: dict[str, Any] = next(
        (item for item in body["input"] if item.get("type") == "additional_tools"), {"tools": []}
    )
    groups = [*(body.get("tools") or []), *extra["tools"]]
    flat = [inner for group in groups for inner in group.get("tools", [group])]
    return [one["name"] for one in flat if str(one.get("name")).startswith("mcp__")]
