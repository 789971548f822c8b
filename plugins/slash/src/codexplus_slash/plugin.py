"""Where slash commands meet the core: one hook each, nothing else."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterable
from pathlib import Path

from codexplus_core import (
    Check,
    CliCommand,
    Command,
    Core,
    Event,
    Exchange,
    InitStep,
    LocalReply,
    Proposal,
    Refusal,
    hookimpl,
)

from . import accessible, projections
from .builtins.commands import commands
from .builtins.desk import Desk
from .catalogue import Catalogue
from .doors import may_call, through
from .engine import Engine
from .reviewed import everything_asked
from .surroundings import plugin_folders, user_folders

ORDER = 40
"""After lifecycle hooks (20), which see what the user typed; before MCP (60), which sees what a command expanded to."""


def PROPOSALS(project: Path) -> Iterable[Proposal]:
    """All that the commands of a project would ask for, for ``codex-plus approvals allow --project``."""
    return everything_asked(project, Path.home(), os.environ)


class Slash:
    """The plugin's hooks, and the one engine behind them."""

    ORDER = ORDER

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self._engine: Engine | None = None

    @hookimpl
    def add_commands(self) -> list[Command]:
        """Offer the built-in commands."""
        self._desk = Desk(os.environ, Path.home())
        return commands(self._desk)

    @hookimpl
    def add_cli(self) -> list[CliCommand]:
        """Offer ``codex-plus commands``."""
        return [CliCommand.of_module("commands", "list the slash commands here, or preview one", "codexplus_slash.cli")]

    @hookimpl
    def add_checks(self) -> list[Check]:
        """Which commands nobody vouches for, where that is demanded."""
        from .checks import checks

        return checks()

    @hookimpl
    def add_init_steps(self) -> list[InitStep]:
        """Offer the user's commands as Codex skills and as custom prompts."""
        return projections.steps()

    @hookimpl
    def on_startup(self, core: Core) -> None:
        """Get to know the command files' folders; nothing is read before somebody asks for a command."""
        folders, plugins = user_folders(os.environ), plugin_folders(core)
        catalogue = Catalogue(Path.home(), folders=folders, plugins=plugins)
        self._engine = Engine(core, catalogue)
        core.commands.provide(self._engine.rows)
        if self._desk is not None:
            self._desk.open(core, catalogue)
        core.log.info("plugin_ready", plugin="slash")

    @hookimpl
    def on_request(self, exchange: Exchange) -> Awaitable[LocalReply | Refusal | None] | None:
        """Expand a prompt that names a command file, or leave it as it is."""
        exchange.watch()  # without a type: no event of this exchange, unless something below asks for some
        if self._engine is None or self._desk is None:
            return None
        accessible.watch(exchange, self._desk.wish)
        if not may_call(exchange.prompt):
            return None  # as most requests; there is nothing to wait for
        return through(exchange, self._desk, self._engine.on_request)

    @hookimpl
    def on_chunk(self, exchange: Exchange, event: Event) -> Event | list[Event] | None:
        """Show where a command comes from; put the model's text into sentences where the user wants that."""
        made = None if self._engine is None else self._engine.on_chunk(exchange, event)
        return accessible.on_chunk(exchange, event) if made is None else made


_SLASH = Slash()
add_cli = _SLASH.add_cli
add_checks = _SLASH.add_checks
add_init_steps = _SLASH.add_init_steps
add_commands = _SLASH.add_commands
on_startup = _SLASH.on_startup
on_request = _SLASH.on_request
on_chunk = _SLASH.on_chunk
