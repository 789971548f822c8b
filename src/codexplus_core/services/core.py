"""The core's services as plugins get them: everything a plugin does to the user's machine passes through here."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..action import Action, ActionDenied
from ..budget import pause
from ..dispatch import Dispatcher
from ..exchange import current_plugin
from ..loader import Plugins
from .about import About
from .approvals.service import Approvals
from .commands import Commands
from .config import Config
from .files.service import Files
from .permissions.request import Argv
from .plugin_store import PluginStore
from .programs import Digests, Program, SearchPaths, locate, resolve
from .reviewed import ReviewedRules
from .rules import Permissions, judged
from .run import RunResult, run_program
from .sandbox.environment import own_environment
from .sandbox.level import Level, SandboxRefused, is_enough
from .transcripts import Transcripts

if TYPE_CHECKING:
    from .sandbox.sandbox import Sandbox


class Services:
    """Hands out what ``on_startup`` promises; ``run`` and ``open`` ask every ``on_action`` first."""

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        commands: Commands,
        store: PluginStore,
        log: Any,
        config: Config,
        approvals: Approvals,
        transcripts: Transcripts | None = None,
        about: About | None = None,
    ) -> None:
        self.about = about if about is not None else About(Plugins())
        self._dispatch = dispatcher
        self.commands = commands
        self.store = store
        self.log = log
        self.config = config
        self.permissions = Permissions(config, home=Path.home(), reviewed=ReviewedRules(approvals.home))
        self.approvals = approvals
        self.files = Files(self._ask, self.permissions, approvals, Path.home(), log)
        self.transcripts = transcripts
        self._sandbox: Sandbox | None = None
        self._digests = Digests()
        self._search_paths = SearchPaths()

    async def run(self, action: Action) -> RunResult:
        """Run a program without a shell, in a scrubbed environment, within ``action.timeout`` seconds.

        With declared permissions, or a sandbox level above "process", it runs in the sandbox and has what they grant.
        On Linux everything that comes of it ends with it, at the latest when the time is over. ``action.env`` sets
        neither PATH nor what makes git harmless, and names of loaders (``LD_PRELOAD``) only as the user does.
        Who vetoes sees the program's absolute path; a deny rule of the settings is a veto, too. Raises ActionDenied for
        a veto, CannotStart when the program is not there, its permissions mean nothing (BadPermission) or the sandbox
        is too weak here (SandboxRefused).
        """
        if action.kind != "run" or not action.argv:
            raise ValueError("core.run: the action runs nothing; set kind='run' and argv=…")
        async with pause():
            # A project's own directories never decide which program a name means.
            project = _project(action)
            search = self._search_paths.of(project)
            program = str(locate(action.argv[0], action.cwd or Path.cwd(), search))
            typed, action = action.argv, replace(action, argv=(program, *action.argv[1:]))
            await self._check_rules(action, typed, project)
            await self._ask(action)
            minimum = self._minimum(action, project)
            if action.permissions or minimum != "process":
                return await self._run_sandboxed(replace(action, sandbox=minimum), project)
            users = (os.environ, self.config.user.get("env", {}))
            env = own_environment(path=search, cwd=action.cwd, given=action.env, users=users)
            run = self._launched().unconfined.run if sys.platform == "linux" else run_program
            return await run(action.argv, cwd=action.cwd, env=env, stdin=action.stdin, timeout=action.timeout)

    async def resolve(self, action: Action) -> Program:
        """What ``run`` would start for this action: path and SHA-256 of the program, and of the project's files named.

        For the ``programs`` of a Proposal. Starts nothing and asks nobody. Raises CannotStart.
        """
        async with pause():
            where, project = action.cwd or Path.cwd(), _project(action)
            return await asyncio.to_thread(resolve, action.argv, where, project=project, digests=self._digests)

    def _minimum(self, action: Action, project: Path | None) -> Level:
        """The stronger of what the asker and the settings want."""
        wanted: Level = self.config.for_project(project).get("sandbox.minimum", "process")
        return action.sandbox if is_enough(action.sandbox, wanted) else wanted

    def _launched(self) -> Sandbox:
        # Most proxies never run anything; those that do start the launcher with the first run.
        from .sandbox.sandbox import Sandbox

        if self._sandbox is None:
            self._sandbox = Sandbox()
        return self._sandbox

    async def _run_sandboxed(self, action: Action, project: Path | None) -> RunResult:
        from .sandbox.grants import grants_for

        grants = grants_for(action.permissions, project, Path.home())
        unreadable, unwritable = self.permissions.forbidden(project)
        grants = replace(grants, unreadable=unreadable, unwritable=unwritable)
        try:
            return await self._launched().run_sandboxed(
                action.argv, grants=grants, minimum=action.sandbox, cwd=action.cwd or project, stdin=action.stdin,
                timeout=action.timeout, env=action.env,
            )  # fmt: skip
        except SandboxRefused:
            self.log.warning("sandbox_refused", plugin=current_plugin.get(), source=action.source)
            raise

    async def close(self) -> None:
        """End what runs beside the proxy."""
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.close)

    async def open(self, action: Action) -> bytes:
        """Read a file that a user or a model named: the bytes that ``core.files.open`` gives. Raises like it."""
        # Who vetoes judges by the kind, so it must be what happens.
        if action.kind != "read" or action.path is None:
            raise ValueError("core.open: the action reads nothing; set kind='read' and path=…")
        opened = await self.files.open(action.path, session=action.session, source=action.source)
        return opened.data

    async def _check_rules(self, action: Action, typed: tuple[str, ...], project: Path | None) -> None:
        """Deny what a rule denies, under the name that was given and under the one that it means here."""
        rules, where = self.permissions.rules(project), str(action.cwd or project or "")
        for argv in dict.fromkeys((typed, action.argv)):
            verdict = await judged(rules, Argv(argv, where))
            if verdict.decision == "deny":
                self.log.warning("action_denied", plugin=current_plugin.get(), kind=action.kind, source=action.source)
                raise ActionDenied(f"{typed[0]}: {verdict.reason}")

    async def _ask(self, action: Action) -> None:
        veto = await self._dispatch.action(action)
        if veto is not None:
            self.log.warning("action_denied", plugin=current_plugin.get(), kind=action.kind, source=action.source)
            raise ActionDenied(veto.message)


def _project(action: Action) -> Path | None:
    return action.session.cwd if action.session is not None and action.session.cwd else action.cwd
