"""The core's services as plugins get them: everything a plugin does to the user's machine passes through here."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..action import Action, ActionDenied
from ..audit_event import AuditEvent, Verdict
from ..budget import pause
from ..dispatch import Dispatcher
from ..dispatch_account import about_action, ended_action
from ..exchange import Session, current_plugin
from ..loader import Plugins
from .about import About
from .approvals.service import Approvals
from .commands import Commands
from .config import Config
from .files.service import Files
from .packs import Packs
from .permissions.hosts import host_of
from .permissions.request import Argv, Fetch
from .plugin_store import PluginStore
from .programs import Digests, Program, SearchPaths, locate, resolve
from .reviewed import ReviewedRules
from .rules import Permissions, judged
from .run import CannotStart, RunResult, run_program
from .sandbox.environment import own_environment
from .sandbox.level import Level, SandboxRefused, is_enough
from .talking import OnErrors, Running, start_program
from .transcripts import Transcripts

if TYPE_CHECKING:
    from .redact import Redactor
    from .sandbox.grants import Grants
    from .sandbox.sandbox import Sandbox


class Services:
    """Hands out what ``on_startup`` promises; asks every ``on_action`` before it runs, opens or lets connect."""

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
        redactor: Redactor | None = None,
    ) -> None:
        self.about = about if about is not None else About(Plugins())
        self._dispatch = dispatcher
        self.commands = commands
        self.store = store
        self.log = log
        self.config = config
        self.permissions = Permissions(config, home=Path.home(), reviewed=ReviewedRules(approvals.home))
        self.approvals = approvals
        self.packs = Packs(config)
        self.files = Files(self._ask, self.permissions, approvals, Path.home(), log)
        self.transcripts = transcripts
        approvals.tell = dispatcher.note
        self._redactor = redactor
        self._managed_redactor: Redactor | None = None
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
        async with pause():
            action, project, search = await self._about_to_run(action, "core.run")
            return await self._run(action, project, search)

    async def _run(self, action: Action, project: Path | None, search: tuple[str, ...]) -> RunResult:
        """Run what nobody forbade, and tell what it came to."""
        began = time.monotonic()
        try:
            if _is_held(action):
                result: RunResult = await self._run_sandboxed(action, project)
            else:
                env = self._environment(action, search)
                run = self._launched().unconfined.run if sys.platform == "linux" else run_program
                result = await run(action.argv, cwd=action.cwd, env=env, stdin=action.stdin, timeout=action.timeout)
        except (CannotStart, SandboxRefused) as error:
            outcome: Verdict = "denied" if isinstance(error, SandboxRefused) else "failure"
            await self.report(ended_action(action, outcome, {}, reason=str(error)))
            raise
        seconds = time.monotonic() - began
        outcome = "success" if result.returncode == 0 else "failure"
        late = result.timed_out or None
        told = {"returncode": result.returncode, "level": result.level, "seconds": seconds, "timed_out": late}
        await self.report(ended_action(action, outcome, told))
        return result

    def redact(self, value: Any, *, own_patterns: bool = True) -> Any:
        """A copy of a text, or of dicts and lists, without secrets; ``[REDACTED:kind]`` stands where one was."""
        if self._redactor is None:
            from .redact import Redactor

            self._redactor = Redactor()
        if own_patterns:
            return self._redactor.value(value)
        if self._managed_redactor is None:
            self._managed_redactor = self._redactor.managed()
        return self._managed_redactor.value(value)

    async def start(self, action: Action, *, on_errors: OnErrors | None = None, env_as_given: bool = False) -> Running:
        """Start a program that is talked to while it runs, on the conditions of ``run``; the caller closes it.

        ``on_errors`` gets what it writes to its standard error as it comes. With ``env_as_given`` all of ``action.env``
        counts outside of the sandbox, PATH and names of loaders too: the user wrote it, or was shown it. What leaves
        the program's process group there outlives it. ``stdin`` and ``timeout`` of the action mean nothing. Raises
        like ``run``.
        """
        async with pause():
            action, project, search = await self._about_to_run(action, "core.start")
            if not _is_held(action):
                env = self._environment(action, search) | (dict(action.env) if env_as_given else {})
                return await start_program(list(action.argv), cwd=action.cwd, env=env, on_errors=on_errors)
            try:
                return await self._launched().start_sandboxed(
                    action.argv, grants=self._grants(action, project), minimum=action.sandbox,
                    cwd=action.cwd or project, env=action.env, on_errors=on_errors,
                )  # fmt: skip
            except SandboxRefused:
                self.log.warning("sandbox_refused", plugin=current_plugin.get(), source=action.source)
                raise

    async def connect(self, action: Action) -> None:
        """Ask whether a connection may be opened; opens none.

        Asks every ``on_action``, and the deny rules for the URL's host (``WebFetch(domain:…)``). Raises ActionDenied.
        """
        if action.kind != "connect" or not action.url:
            raise ValueError("core.connect: the action connects to nothing; set kind='connect' and url=…")
        async with pause():
            verdict = self.permissions.judge(Fetch(action.url), session=action.session or Session(cwd=action.cwd))
            if verdict.decision == "deny":
                self._denied(action)
                await self.report(about_action(action, "denied", reason=verdict.reason))
                raise ActionDenied(f"{host_of(action.url).name or 'the URL'}: {verdict.reason}")
            await self._ask(action)

    async def _about_to_run(self, action: Action, door: str) -> tuple[Action, Path | None, tuple[str, ...]]:
        """The action as it will be: its program's path, its sandbox level. Asks everybody. Raises like ``run``."""
        if action.kind != "run" or not action.argv:
            raise ValueError(f"{door}: the action runs nothing; set kind='run' and argv=…")
        # A project's own directories never decide which program a name means.
        project = _project(action)
        search = self._search_paths.of(project)
        program = str(locate(action.argv[0], action.cwd or Path.cwd(), search))
        typed, action = action.argv, replace(action, argv=(program, *action.argv[1:]))
        await self._check_rules(action, typed, project)
        minimum = self._minimum(action, project)
        await self._ask(action, level=minimum)
        return replace(action, sandbox=minimum), project, search

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """``async with core.waiting():`` around a wait for others that has a limit of its own: it is not your time."""
        return pause()

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
        try:
            return await self._launched().run_sandboxed(
                action.argv, grants=self._grants(action, project), minimum=action.sandbox,
                cwd=action.cwd or project, stdin=action.stdin, timeout=action.timeout, env=action.env,
            )  # fmt: skip
        except SandboxRefused:
            self.log.warning("sandbox_refused", plugin=current_plugin.get(), source=action.source)
            raise

    def _environment(self, action: Action, search: tuple[str, ...]) -> dict[str, str]:
        users = (os.environ, self.config.user.get("env", {}))
        return own_environment(path=search, cwd=action.cwd, given=action.env, users=users)

    def _grants(self, action: Action, project: Path | None) -> Grants:
        from .sandbox.grants import grants_for

        unreadable, unwritable = self.permissions.forbidden(project)
        grants = grants_for(action.permissions, project, Path.home())
        return replace(grants, unreadable=unreadable, unwritable=unwritable)

    async def report(self, event: AuditEvent) -> None:
        """Tell those who keep account (``on_audit``) of something that was decided or done.

        Raises ActionDenied for a yes (``decision``) that they must have on disk first and cannot keep.
        """
        if self._dispatch.has("on_audit"):
            async with pause():
                veto = await self._dispatch.audit(event)
            if veto is not None and event.decision and event.outcome == "success":
                raise ActionDenied(veto.message)

    def withdraw(self, *hooks: str) -> None:
        """Do not call the calling plugin for these hooks until it takes them back."""
        self._dispatch.withdraw(current_plugin.get(), hooks)

    def take_back(self, *hooks: str) -> None:
        """Call the calling plugin for these hooks again."""
        self._dispatch.take_back(current_plugin.get(), hooks)

    def fail_closed(self, *, wanted: bool) -> None:
        """Let a failure of the calling plugin refuse, if it is FAIL_CLOSED, or not for now."""
        self._dispatch.fail_closed(current_plugin.get(), wanted=wanted)

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
                self._denied(action)
                await self.report(about_action(action, "denied", reason=verdict.reason))
                raise ActionDenied(f"{typed[0]}: {verdict.reason}")

    async def _ask(self, action: Action, level: str = "") -> None:
        veto = await self._dispatch.action(action)
        if veto is None and self._dispatch.has("on_audit"):
            # On disk before it happens, or it does not happen, where somebody insists on that.
            veto = await self._dispatch.audit(about_action(action, "success", level=level))
        if veto is not None:
            self._denied(action)
            raise ActionDenied(veto.message)

    def _denied(self, action: Action) -> None:
        self.log.warning("action_denied", plugin=current_plugin.get(), kind=action.kind, source=action.source)


def _is_held(action: Action) -> bool:
    return bool(action.permissions) or action.sandbox != "process"


def _project(action: Action) -> Path | None:
    return action.session.cwd if action.session is not None and action.session.cwd else action.cwd
