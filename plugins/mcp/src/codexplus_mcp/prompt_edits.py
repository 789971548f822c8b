"""What becomes of a human's prompt here: resources before it, a server's prompt in its place, instructions told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from codexplus_core import CommandRow, Core, Exchange, LocalReply

from .connections import Connections
from .instructions import Instructions
from .outputs import Outputs, limit_of
from .prompts import Prompts, is_strict
from .resources import Resources
from .settings import Servers


class PromptEdits:
    """One door for ``on_request``; call it after the tools have been added, when the servers are known."""

    def __init__(
        self,
        core: Core,
        servers: Servers,
        connections: Connections,
        outputs: Outputs,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        self._core = core
        self._servers = servers
        self._env = env
        self._prompts = Prompts(core, servers, connections)
        self._resources = Resources(core, servers, connections, outputs)
        self._instructions = Instructions(core, connections)

    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        """Edit the exchange, or answer it: with the question whether a server may start, or with what went wrong."""
        if exchange.kind != "responses" or exchange.turn.origin not in ("user", "tool", "unknown"):
            return None
        strict = is_strict(self._core)
        at: int | None = None
        if exchange.prompt is not None:
            limit = limit_of(self._env, self._core.config.for_project(exchange.session.cwd).get("mcp.maxOutputTokens"))
            answer = await self._resources.on_request(exchange, strict=strict, limit=limit)
            if answer is not None:
                return answer
            before, typed = len(exchange.attached), exchange.prompt
            answer = await self._prompts.on_request(exchange, strict=strict)
            if answer is not None:
                return answer
            # As recorded: instructions stand before what a server's prompt brings.
            at = before if exchange.prompt != typed else None
        self._instructions.tell(exchange, self._servers.of(exchange.session.cwd), at=at)
        return None

    async def rows(self, project: Path | None) -> list[CommandRow]:
        """The servers' prompts, for lists of commands."""
        return await self._prompts.rows(project)
