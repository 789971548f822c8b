"""What ``/hooks`` and ``codex-plus hooks`` have in common: the hooks that count, and changes to their files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codexplus_core import Core, EditFile, Problem, Proposal, Session, short_path

from . import editing
from .editing import Folders, NewHook, Where
from .hook import Hook
from .hook_set import HookSet
from .listing import Last, Listing, listing_of, named
from .rehearsal import Rehearsal, payload_of, rehearse
from .running import Runner
from .settings import Hooks
from .settings_file import Plan, Written, write
from .trust import Trust

Switch = Literal["enable", "disable"]


@dataclass(frozen=True, slots=True)
class Change:
    """What a command is about to do: files to write, and the words for it; no file where nothing is to be done.

    ``note`` is a sentence about what may not be meant, ``""`` for none.
    """

    words: str
    plans: Sequence[Plan]
    of_project: bool = False
    note: str = ""

    @property
    def paths(self) -> str:
        """The files, for people."""
        return ", ".join(str(plan.path) for plan in self.plans)


@dataclass(frozen=True, slots=True)
class Desk:
    """Handed to the commands. ``env`` is the environment, ``home`` the user's home directory."""

    core: Core
    hooks: Hooks
    trust: Trust
    runner: Runner
    env: Mapping[str, str]
    home: Path

    def folders(self, project: Path | None) -> Folders:
        """Where settings files lie; the home directory is nobody's project."""
        return Folders(self.home, self.env, None if project == self.home else project)

    async def listing(self, session: Session, last: Last | None = None) -> Listing:
        """The hooks of a session's project."""
        found = self.hooks.of(session.cwd)
        known = session if session.id else None
        return await listing_of(self.core, self.trust, found, last or self.runner.last, known)

    async def rehearse(self, event: str, session: Session, *, tool: str = "", given: str = "") -> Rehearsal:
        """A dry run of an event. Raises Problem."""
        payload = payload_of(event, session, tool=tool, given=given)
        found = self.hooks.of(session.cwd)
        return await rehearse(self.core, self.trust, self.runner, found, event, payload, session)

    def adding(self, new: NewHook, where: Where, project: Path | None) -> Change:
        """The change that adds a hook. Raises Problem."""
        planned = editing.adding(new, where, self.folders(project))
        entry = json.dumps(new.entry(), ensure_ascii=False)
        note = "" if where != "user" or not new.relative else (
            f"{new.relative} is looked for in whichever project Codex is in, and started there without a question;"
            " write the whole path, or one that begins with ~/"
        )  # fmt: skip
        return Change(f"add to hooks.{new.event}: {entry}", [planned], where != "user", note)

    def removing(self, id: str, project: Path | None, file: Path | None = None) -> Change:
        """The change that takes a hook out of its file. Raises Problem."""
        hook = named(self._found(project), id, file)
        planned = editing.removing(hook, self.folders(project))
        return Change(f"remove hooks.{hook.place}: {hook.command}", [planned], hook.scope == "project")

    def switching(self, how: Switch, id: str, project: Path | None, file: Path | None = None) -> Change:
        """The change that switches a hook off or on, ``all`` for every one. Raises Problem."""
        folders = self.folders(project)
        if id.strip() == "all":
            return Change(f"{how} all hooks", [editing.switching_all(folders, off=how == "disable")])
        hook = named(self._found(project), id, file)
        if how == "disable":
            plans = [editing.switching_off(hook, folders)]
        else:
            plans = editing.switching_on(hook, self.core, folders)
        return Change(f"{how} {self._called(hook, project)}", plans)

    def proposals(self, change: Change, project: Path | None) -> list[Proposal]:
        """What the user is asked before a file is written."""
        return [
            Proposal(
                "edit",
                "user",
                # With the event or the hook in it: adding another one is no change of what was allowed before.
                f"/hooks: {change.words.partition(': ')[0]}",
                source=str(plan.path),
                project=project if change.of_project else None,
                text=f"{plan.path}: {change.words}",
                writes=(str(plan.path),),
                notes=("you typed this yourself", "the file as it was is kept"),
            )
            for plan in change.plans
            if plan.after != plan.before
        ]

    async def carry_out(self, change: Change, project: Path | None) -> list[Written]:
        """Write the files. Raises Problem for one that a rule denies, that changed meanwhile, or cannot be written."""
        backups = self.folders(project).backups
        for plan in change.plans:
            cwd = str(project or self.home)
            verdict = self.core.permissions.judge(EditFile(str(plan.path), str(plan.target), cwd))
            if verdict.decision == "deny":
                raise Problem(f"{plan.path}: {verdict.reason}")
        return [await asyncio.to_thread(write, plan, backups) for plan in change.plans]

    def _found(self, project: Path | None) -> HookSet:
        return self.hooks.of(project)

    def _called(self, hook: Hook, project: Path | None) -> str:
        return f"{hook.place} of {short_path(hook.source or 'the command line', project, self.home)}: {hook.command}"
