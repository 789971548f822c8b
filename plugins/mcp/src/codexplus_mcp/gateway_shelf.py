"""The resources of servers through the gateway: listed and read as ``server:uri``, the way a prompt mentions them.

Codex 0.169 asks when the model calls ``list_mcp_resources`` or ``read_mcp_resource``, not before, and says neither for
which thread nor where. It asks for no prompts at all, so there are none here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from codexplus_core import Core, McpTool, Session

from .account import about_read
from .connections import Connections
from .failure import Failure
from .names import plain
from .outputs import Outputs, limit_of
from .resources import contents_of
from .results import Answer
from .server import Server
from .wording import line, visible

LIST_S = 8.0
"""Seconds that a list waits for one server."""
MOST = 500
"""Resources of one server that are listed."""
READ = "read_resource"
"""What a rule may call the reading of a server's resources, as if it were a tool: ``mcp__github__read_resource``."""


class Shelf:
    """Asks the servers, each started when it is needed first."""

    def __init__(self, core: Core, connections: Connections, outputs: Outputs, env: Mapping[str, str]) -> None:
        self._core = core
        self._connections = connections
        self._outputs = outputs
        self._env = env

    async def listed(self, servers: Iterable[Server], session: Session) -> list[dict[str, Any]]:
        """The resources of all these servers that may be read unasked; one that does not answer has none."""
        found = await asyncio.gather(*(self._of(one) for one in servers if self._may(one, session)))
        return [row for rows in found for row in rows]

    async def templates(self, servers: Iterable[Server], session: Session) -> list[dict[str, Any]]:
        """The templates of their resources."""
        found = await asyncio.gather(*(self._templates_of(one) for one in servers if self._may(one, session)))
        return [row for rows in found for row in rows]

    async def read(self, servers: Iterable[Server], session: Session, uri: str) -> list[dict[str, Any]] | None:
        """What a resource holds, None where no server is meant. Raises Failure, and ActionDenied of those who veto."""
        usable = sorted((one for one in servers if self._may(one, session)), key=lambda one: -len(one.name))
        server = next((one for one in usable if uri.startswith(f"{one.name}:")), None)
        if server is None:
            return None
        own = uri[len(server.name) + 1 :]
        await self._core.report(about_read(server, own, session))
        texts = contents_of(await self._connections.get(server).read_resource(own))
        limit = limit_of(self._env, self._core.config.for_project(server.project).get("mcp.maxOutputTokens"))
        answer = await self._outputs.fitting(Answer(texts), limit)
        return [{"uri": uri, "mimeType": "text/plain", "text": text} for text in answer.texts]

    def _may(self, server: Server, session: Session) -> bool:
        """Whether it is used without a question: a project's that nobody has allowed would be asked about in vain."""
        if server.standing == "asks":
            known = self._connections.known(server)
            if known is None or known.state != "connected" or not self._connections.trust.admits(server, session):
                return False
        # As a rule may call it: by its own name, and by the one that is shown.
        named = (McpTool(name, READ) for name in dict.fromkeys((server.name, plain(server.name))))
        verdicts = [self._core.permissions.judge(name, session=session) for name in named]
        return not any(one.decision == "deny" or (one.decision == "ask" and one.rule is not None) for one in verdicts)

    async def _of(self, server: Server) -> list[dict[str, Any]]:
        connection = self._connections.get(server)
        try:
            async with asyncio.timeout(LIST_S):
                await connection.connect()
                listed = await connection.list_resources() if "resources" in connection.capabilities else ()
        except (Failure, TimeoutError):
            return []
        return [
            {
                "uri": f"{server.name}:{one.uri}", "name": line(one.title or one.name, 120),
                **({"description": visible(one.description)[:500]} if one.description else {}),
            }
            for one in listed[:MOST]
        ]  # fmt: skip

    async def _templates_of(self, server: Server) -> list[dict[str, Any]]:
        connection = self._connections.get(server)
        try:
            async with asyncio.timeout(LIST_S):
                await connection.connect()
                listed = await connection.list_resource_templates() if "resources" in connection.capabilities else ()
        except (Failure, TimeoutError):
            return []
        return [
            {"uriTemplate": f"{server.name}:{one.uri_template}", "name": line(one.title or one.name, 120)}
            for one in listed[:MOST]
        ]
