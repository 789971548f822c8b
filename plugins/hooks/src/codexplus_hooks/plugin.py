"""Where lifecycle hooks meet the core: PreToolUse, PostToolUse, UserPromptSubmit, Stop and the other events."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterable, Mapping
from pathlib import Path
from typing import Any

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
    Refusal,
    Session,
    ToolCall,
    ToolResult,
    hookimpl,
)

from . import bridge_checks, bridge_files
from .bridge import Bridge
from .command import HooksCommand
from .desk import Desk
from .desktop import Desktop
from .engine import Engine
from .last_runs import LastRuns
from .notification import Notifications
from .trust import proposals

ORDER = 20
"""First of the four: a user's hooks see the prompt as it was typed and may stop it before anything else runs."""


def PROPOSALS(project: Path) -> Iterable[Proposal]:
    """All that the hooks of a project would ask for, for ``codex-plus approvals allow --project``."""
    return proposals(project)


class HooksPlugin:
    """The plugin's hooks, and the one engine behind them."""

    ORDER = ORDER

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.bridge = Bridge(self)
        self.command = HooksCommand()
        self.notifications: Notifications | None = None

    async def native(self, event: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Decide about an event that the bridge has brought."""
        if self.engine is None or self.notifications is None:
            return None
        answer = await self.engine.native(event, payload)
        self.notifications.answered(event, payload, answer)
        return answer

    @hookimpl
    def add_commands(self) -> list[Command]:
        """``/hooks``."""
        return [self.command.command()]

    @hookimpl
    def add_cli(self) -> list[CliCommand]:
        """``codex-plus hooks``."""
        return [
            CliCommand.of_module("hooks", "list, add, remove, switch or test lifecycle hooks", "codexplus_hooks.cli")
        ]

    @hookimpl
    def add_routes(self) -> list[object]:
        """Where the bridge's client brings the events of Codex's own hooks, and where a terminal asks for last runs."""
        last = LastRuns(lambda: None if self.engine is None else (self.engine.hooks, self.engine.runner))
        return [*self.bridge.routes(), *last.routes()]

    @hookimpl
    def add_init_steps(self) -> list[InitStep]:
        """``init --hooks``."""
        return [bridge_files.step()]

    @hookimpl
    def add_checks(self) -> list[Check]:
        """Whether the bridge is live; which hooks nobody vouches for, where that is demanded."""
        from . import signed_checks

        return [*bridge_checks.checks(), *signed_checks.checks()]

    @hookimpl
    def on_startup(self, core: Core) -> None:
        """Get to know the settings; nothing is read before something happens."""
        self.engine = engine = Engine(core, perform=Desktop(core).perform)
        self.notifications = Notifications(engine.firing)
        self.command.open(Desk(core, engine.hooks, engine.trust, engine.runner, os.environ, Path.home()))
        engine.rest()
        core.log.info("plugin_ready", plugin="hooks")

    @hookimpl
    async def on_session(self, session: Session, phase: str) -> None:
        """SessionStart is due, or SessionEnd has come."""
        if self.engine is not None:
            await self.engine.on_session(session, phase)

    @hookimpl
    def on_request(self, exchange: Exchange) -> Awaitable[LocalReply | Refusal | None] | None:
        """SessionStart, UserPromptSubmit, PreCompact, SubagentStart."""
        if self.engine is None or self.notifications is None:
            return None
        self.notifications.seen(exchange)
        return self.engine.on_request(exchange)

    @hookimpl
    async def on_tool_use(self, exchange: Exchange, call: ToolCall) -> ToolCall | Refusal | None:
        """PreToolUse."""
        return None if self.engine is None else await self.engine.on_tool_use(exchange, call)

    @hookimpl
    async def on_tool_result(self, exchange: Exchange, call: ToolCall, result: ToolResult) -> ToolResult | None:
        """PostToolUse, PostToolUseFailure."""
        return None if self.engine is None else await self.engine.on_tool_result(exchange, call, result)

    @hookimpl
    def on_chunk(self, exchange: Exchange, event: Event) -> Any:
        """What hooks tell the user; what ``post_output.py`` makes of an answer."""
        return None if self.engine is None else self.engine.on_chunk(exchange, event)

    @hookimpl
    def on_turn_end(self, exchange: Exchange) -> Awaitable[str | None] | None:
        """Stop, SubagentStop, Notification."""
        if self.engine is None or self.notifications is None:
            return None
        found = self.engine.firing.found(exchange.session)
        asked = self.engine.on_turn_end(exchange, found)
        if asked is not None:
            return self._left(exchange, asked)
        self.notifications.left(exchange, None, found)
        return None

    async def _left(self, exchange: Exchange, asked: Awaitable[str | None]) -> str | None:
        on = await asked
        if self.engine is not None and self.notifications is not None:
            self.notifications.left(exchange, on, self.engine.firing.found(exchange.session))
        return on

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> Awaitable[None] | None:
        """PostCompact, StopFailure."""
        return None if self.engine is None else self.engine.on_exchange_end(exchange, outcome)

    @hookimpl
    async def on_shutdown(self, core: Core) -> None:
        """End the hooks that still run."""
        if self.notifications is not None:
            await self.notifications.close()
        if self.engine is not None:
            await self.engine.close()


_PLUGIN = HooksPlugin()
add_commands = _PLUGIN.add_commands
add_cli = _PLUGIN.add_cli
add_routes = _PLUGIN.add_routes
add_init_steps = _PLUGIN.add_init_steps
add_checks = _PLUGIN.add_checks
on_startup = _PLUGIN.on_startup
on_session = _PLUGIN.on_session
on_request = _PLUGIN.on_request
on_tool_use = _PLUGIN.on_tool_use
on_tool_result = _PLUGIN.on_tool_result
on_chunk = _PLUGIN.on_chunk
on_turn_end = _PLUGIN.on_turn_end
on_exchange_end = _PLUGIN.on_exchange_end
on_shutdown = _PLUGIN.on_shutdown
