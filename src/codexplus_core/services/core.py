"""The core's services as plugins get them: everything a plugin does to the user's machine passes through here."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..action import Action, ActionDenied
from ..budget import pause
from ..dispatch import Dispatcher
from ..exchange import current_plugin
from .approvals.proposal import Proposal
from .approvals.service import Approvals
from .commands import Commands
from .config import Config
from .files import AskFirst, CannotOpen, open_named, read_file
from .permissions.request import Argv
from .plugin_store import PluginStore
from .programs import locate, search_path
from .rules import Permissions
from .run import RunResult, run_program
from .sandbox.environment import defused
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
    ) -> None:
        self._dispatch = dispatcher
        self.commands = commands
        self.store = store
        self.log = log
        self.config = config
        self.permissions = Permissions(config, home=Path.home())
        self.approvals = approvals
        self.transcripts = transcripts
        self._sandbox: Sandbox | None = None

    async def run(self, action: Action) -> RunResult:
        """Run a program without a shell, in a scrubbed environment, within ``action.timeout`` seconds.

        With declared permissions, or a sandbox level above "process", it runs in the sandbox and has what they grant.
        Who vetoes sees the program's absolute path; a deny rule of the settings is a veto, too. Raises ActionDenied for
        a veto, CannotStart when the program is not there, its permissions mean nothing (BadPermission) or the sandbox
        is too weak here (SandboxRefused).
        """
        if action.kind != "run" or not action.argv:
            raise ValueError("core.run: the action runs nothing; set kind='run' and argv=…")
        async with pause():
            # A project's own directories never decide which program a name means.
            project = action.session.cwd if action.session is not None and action.session.cwd else action.cwd
            search = search_path(project)
            program = str(locate(action.argv[0], action.cwd or Path.cwd(), search))
            typed, action = action.argv, replace(action, argv=(program, *action.argv[1:]))
            self._check_rules(action, typed, project)
            await self._ask(action)
            minimum = self._minimum(action, project)
            if action.permissions or minimum != "process":
                return await self._run_sandboxed(replace(action, sandbox=minimum), project)
            env = {**defused(action.cwd), "PATH": os.pathsep.join(search), **action.env}
            return await run_program(
                list(action.argv), cwd=action.cwd, env=env, stdin=action.stdin, timeout=action.timeout
            )

    def _minimum(self, action: Action, project: Path | None) -> Level:
        """The stronger of what the asker and the settings want."""
        wanted: Level = self.config.for_project(project).get("sandbox.minimum", "process")
        return action.sandbox if is_enough(action.sandbox, wanted) else wanted

    async def _run_sandboxed(self, action: Action, project: Path | None) -> RunResult:
        # Most proxies never run anything; those that do start the launcher with the first run.
        from .sandbox.grants import grants_for
        from .sandbox.sandbox import Sandbox

        if self._sandbox is None:
            self._sandbox = Sandbox()
        grants = grants_for(action.permissions, project, Path.home())
        try:
            return await self._sandbox.run_sandboxed(
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
        """Read a file that a user or a model named. Raises ActionDenied for a veto and CannotOpen for anything else.

        In a session whose project is known a relative path begins there, nothing outside is read unless a rule of the
        user's names it, and the deny rules of the settings hold; what a rule asks about needs an approval beforehand.
        """
        # Who vetoes judges by the kind, so it must be what happens.
        if action.kind != "read" or action.path is None:
            raise ValueError("core.open: the action reads nothing; set kind='read' and path=…")
        async with pause():
            await self._ask(action)
            project = action.session.cwd if action.session is not None else None
            if project is None:
                return read_file(action.path)
            try:
                return await self._open_in(project, str(action.path))
            except AskFirst as asks:
                title = f"file {action.path}"
                proposal = Proposal(
                    "read", "user", title, source=action.source, project=project, text=f"read {asks.real}"
                )
                verdict = self.approvals.check([proposal], session=action.session)
                if not verdict.granted:
                    raise CannotOpen(f"{action.path}: {verdict.message}") from None
                return await self._open_in(project, str(action.path), asked=asks.real)

    async def _open_in(self, project: Path, written: str, *, asked: str = "") -> bytes:
        judge = self.permissions.of_files(project)
        # A network file system or a FUSE mount in the project may take its time.
        opened = await asyncio.to_thread(
            open_named, written, project=project, judge=judge, home=Path.home(), asked=asked
        )
        return opened.data

    def _check_rules(self, action: Action, typed: tuple[str, ...], project: Path | None) -> None:
        """Deny what a rule denies, under the name that was given and under the one that it means here."""
        rules, where = self.permissions.rules(project), str(action.cwd or project or "")
        for argv in dict.fromkeys((typed, action.argv)):
            verdict = rules.judge(Argv(argv, where))
            if verdict.decision == "deny":
                self.log.warning("action_denied", plugin=current_plugin.get(), kind=action.kind, source=action.source)
                raise ActionDenied(f"{typed[0]}: {verdict.reason}")

    async def _ask(self, action: Action) -> None:
        veto = await self._dispatch.action(action)
        if veto is not None:
            self.log.warning("action_denied", plugin=current_plugin.get(), kind=action.kind, source=action.source)
            raise ActionDenied(veto.message)
