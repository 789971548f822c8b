"""The core's services as plugins get them: everything a plugin does to the user's machine passes through here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..action import Action, ActionDenied
from ..budget import pause
from ..dispatch import Dispatcher
from ..exchange import current_plugin
from .commands import Commands
from .files import read_file
from .plugin_store import PluginStore
from .run import RunResult, run_program


class Services:
    """Hands out what ``on_startup`` promises; ``run`` and ``open`` ask every ``on_action`` first."""

    def __init__(
        self, *, dispatcher: Dispatcher, commands: Commands, store: PluginStore, log: Any, config: Mapping[str, Any]
    ) -> None:
        self._dispatch = dispatcher
        self.commands = commands
        self.store = store
        self.log = log
        self.config = config
        self.permissions = None
        self.approvals = None

    async def run(self, action: Action) -> RunResult:
        """Run a program without a shell, in a scrubbed environment, within ``action.timeout`` seconds.

        Raises ActionDenied for a veto and CannotStart when the program is not there.
        """
        if action.kind != "run" or not action.argv:
            raise ValueError("core.run: the action runs nothing; set kind='run' and argv=…")
        async with pause():
            await self._ask(action)
            return await run_program(
                list(action.argv), cwd=action.cwd, env=action.env, stdin=action.stdin, timeout=action.timeout
            )

    async def open(self, action: Action) -> bytes:
        """Read a file that a user or a model named. Raises ActionDenied for a veto and CannotOpen for anything else."""
        # Who vetoes judges by the kind, so it must be what happens.
        if action.kind != "read" or action.path is None:
            raise ValueError("core.open: the action reads nothing; set kind='read' and path=…")
        async with pause():
            await self._ask(action)
            return read_file(action.path)

    async def _ask(self, action: Action) -> None:
        veto = await self._dispatch.action(action)
        if veto is not None:
            self.log.warning("action_denied", plugin=current_plugin.get(), kind=action.kind, source=action.source)
            raise ActionDenied(veto.message)
