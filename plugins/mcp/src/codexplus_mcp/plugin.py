"""Where MCP servers meet the core: one hook each, nothing else."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codexplus_core import (
    Check,
    CliCommand,
    Command,
    Core,
    Event,
    Exchange,
    InitStep,
    LocalReply,
    Outcome,
    Proposal,
    ToolCall,
    ToolResult,
    hookimpl,
)

if TYPE_CHECKING:
    from .command import Mcp
    from .connections import Connections
    from .gateway import Gateway
    from .prompt_edits import PromptEdits
    from .rounds import ToolRounds
    from .tools import Tools

ORDER = 60
"""After slash commands (40), so that `@server:resource` in an expanded command is resolved too."""


def PROPOSALS(project: Path) -> Iterable[Proposal]:
    """The servers of a project that ask, for ``codex-plus approvals allow --project``."""
    from .trust import everything_asked

    return everything_asked(project)


def UNUSED(settings: Any) -> Iterable[tuple[str, str]]:
    """The servers that cannot be used as their entries stand, for ``codex-plus config``."""
    from .unused import unused_servers

    return unused_servers(settings)


class Plugin:
    """The plugin's hooks, and what they share. Nothing is imported of the mcp package before a server is needed."""

    ORDER = ORDER

    def __init__(self) -> None:
        self._command: Mcp | None = None
        self._connections: Connections | None = None
        self._edits: PromptEdits | None = None
        self._tools: Tools | None = None
        self._rounds: ToolRounds | None = None
        self._gateway: Gateway | None = None

    @hookimpl
    def add_commands(self) -> list[Command]:
        """Offer ``/mcp``."""
        from .command import Mcp

        self._command = Mcp(Path.home())
        return [self._command]

    @hookimpl
    def add_cli(self) -> list[CliCommand]:
        """Offer ``codex-plus mcp``."""
        text = "add, list and remove MCP servers, sign in to them"
        return [CliCommand.of_module("mcp", text, "codexplus_mcp.cli")]

    @hookimpl
    def add_init_steps(self) -> list[InitStep]:
        """Offer the gateway to Codex itself."""
        from .gateway_step import steps

        return steps()

    @hookimpl
    def add_checks(self) -> list[Check]:
        """Tell the doctor how Codex gets the tools, and which servers cannot be used."""
        from .gateway_check import checks
        from .server_checks import checks as server_checks
        from .signed_checks import checks as signed_checks

        return [*checks(), *server_checks(), *signed_checks()]

    @hookimpl
    def add_routes(self) -> list[Any]:
        """Offer the gateway."""
        from .gateway_http import routes

        return routes(lambda: self._gateway)

    @hookimpl
    def on_startup(self, core: Core) -> None:
        """Get to know the settings; no server is started before it is needed."""
        # The command line imports this module at every start, and needs none of these.
        from .caller import Caller
        from .connections import Connections
        from .gateway import Gateway
        from .outputs import Outputs, output_folder
        from .prompt_edits import PromptEdits
        from .rounds import ToolRounds
        from .settings import Servers
        from .tools import Tools

        servers, self._connections = Servers(core), Connections(core)
        outputs = Outputs(core, output_folder(os.environ))
        self._edits = PromptEdits(core, servers, self._connections, outputs)
        core.commands.provide(self._edits.rows)
        self._tools = Tools(core, self._connections)
        caller = Caller(core, self._connections, self._tools, outputs, os.environ)
        self._rounds = ToolRounds(core, servers, self._connections.trust, self._tools, caller, outputs, os.environ)
        self._gateway = Gateway(core, servers, self._tools, caller, outputs, os.environ)
        if self._command is not None:
            self._command.open(core, self._connections)
        # Until a tool is offered nobody's calls are looked at, and streams go by unread.
        core.withdraw("on_tool_use", "on_exchange_end")
        core.log.info("plugin_ready", plugin="mcp")

    @hookimpl
    def on_request(self, exchange: Exchange) -> Awaitable[LocalReply | None] | None:
        """Offer the tools; attach the resources that a prompt mentions, or put a server's prompt in its place."""
        exchange.watch()
        if self._edits is None or self._rounds is None or self._gateway is None:
            return None
        self._gateway.note(exchange.session)
        # Where there is nothing to offer it is said at once: waiting for an answer costs more than looking.
        return self._answer(self._rounds, self._edits, exchange) if self._rounds.look(exchange) else None

    @staticmethod
    async def _answer(rounds: ToolRounds, edits: PromptEdits, exchange: Exchange) -> LocalReply | None:
        question = await rounds.on_request(exchange)
        return await edits.on_request(exchange) if question is None else question

    @hookimpl
    async def on_tool_use(self, exchange: Exchange, call: ToolCall) -> ToolCall | ToolResult | None:
        """Answer the calls of offered tools."""
        return None if self._rounds is None else await self._rounds.on_tool_use(exchange, call)

    @hookimpl
    def on_chunk(self, exchange: Exchange, event: Event) -> list[Event] | None:
        """Tell the user of servers whose tools have changed."""
        return None if self._rounds is None else self._rounds.on_chunk(exchange, event)

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        """Learn whether offered tools were taken."""
        if self._rounds is not None:
            self._rounds.on_exchange_end(exchange, outcome)

    @hookimpl
    async def on_shutdown(self) -> None:
        """End the servers, and the sign-ins that wait."""
        if self._command is not None:
            await self._command.close()
        if self._tools is not None:
            await self._tools.close()
        if self._connections is not None:
            await self._connections.close()


_PLUGIN = Plugin()
add_cli = _PLUGIN.add_cli
add_commands = _PLUGIN.add_commands
add_checks = _PLUGIN.add_checks
add_init_steps = _PLUGIN.add_init_steps
add_routes = _PLUGIN.add_routes
on_startup = _PLUGIN.on_startup
on_request = _PLUGIN.on_request
on_tool_use = _PLUGIN.on_tool_use
on_chunk = _PLUGIN.on_chunk
on_exchange_end = _PLUGIN.on_exchange_end
on_shutdown = _PLUGIN.on_shutdown
