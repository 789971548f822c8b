"""The hooks of a project: those of every settings file, and the Python hooks in the folders beside them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codexplus_core import Core

from .grants import undeclared
from .hook import EVENTS, LONGEST_SECONDS, Hook, Scope, permission_faults
from .hook_set import HookSet
from .matcher import problem_of
from .python_hooks import PythonHooks
from .signed import Signed, entries, refusal, signed_of
from .switched import is_off, switched_off

OF_PROJECT = 200
"""Hooks of a project's that count; a repository must not be able to make every event wait for thousands."""

PROJECTS = 64
"""Projects whose hooks are remembered."""

_ELSEWHERE = frozenset({
    "PermissionDenied", "Setup", "TeammateIdle", "TaskCreated", "TaskCompleted", "ConfigChange", "InstructionsLoaded",
    "FileChanged", "WorktreeCreate", "WorktreeRemove", "Elicitation", "ElicitationResult",
})  # fmt: skip
_SCOPES: Mapping[str, Scope] = {"enterprise": "enterprise", "local": "project", "project": "project"}


@dataclass(slots=True)
class _Known:
    settings: Any
    files: object
    looked: float
    found: HookSet


class Hooks:
    """Finds the hooks of projects, and remembers them until a file changes.

    ``env`` is the environment that moves the user's folders, ``every_s`` the seconds for which Python hooks are taken
    to be as they were.
    """

    def __init__(
        self,
        core: Core,
        *,
        env: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = 0.5,
    ) -> None:
        self._core = core
        self._clock = clock
        self._every_s = every_s
        self._python = PythonHooks(Path.home(), os.environ if env is None else env)
        self._known: dict[Path | None, _Known] = {}

    def of(self, project: Path | None) -> HookSet:
        """The hooks that count in a session's working directory, None for the user's alone."""
        settings = self._core.config.for_project(project)
        known = self._known.get(project)
        now = self._clock()
        same = known is not None and known.settings is settings
        if known is not None and same and now - known.looked < self._every_s:
            return known.found
        signed = signed_of(self._core, project)
        files = (self._python.stamp(settings.project), signed)
        if known is not None and same and known.files == files:
            known.looked = now
            return known.found
        found = _built(settings, project, self._python.read(settings.project), signed)
        self._known.pop(project, None)
        self._known[project] = _Known(settings, files, now, found)
        while len(self._known) > PROJECTS:
            self._known.pop(next(iter(self._known)))
        return found


def _built(settings: Any, project: Path | None, python: tuple[Hook, ...], signed: Signed) -> HookSet:
    strict = settings.get("compatibility") == "claude-code"
    warnings = [str(notice) for notice in settings.warnings if notice.key.startswith("hooks")]
    warnings += [words for _, words in signed.problems]
    read = _Reading(warnings)
    hooks = _bounded([*read.all_of(settings), *python, *read.of_packs(signed)], warnings)
    if strict:
        hooks = _as_recorded(hooks, settings, read)
    disabled, only_managed = _switched_off(settings)
    by_event: dict[str, list[Hook]] = {}
    off = switched_off(settings)
    for hook in hooks:
        if signed.refuses(hook):
            warnings.append(refusal(hook))
        elif (hook.scope == "enterprise" or not only_managed) and not is_off(hook, off):
            by_event.setdefault(hook.event, []).append(hook)
    if disabled == _EVERY:
        by_event.clear()
    values = settings.items("env")
    return HookSet(
        project=project,
        hooks=tuple(hooks),
        warnings=tuple(warnings),
        lost=tuple(each for each in warnings if each not in read.remarks),
        disabled=disabled,
        strict=strict,
        env={each.key.removeprefix("env."): str(each.value) for each in values if each.origin.trusted},
        project_env={each.key.removeprefix("env."): str(each.value) for each in values if not each.origin.trusted},
        signed=signed,
        by_event={event: tuple(listed) for event, listed in by_event.items()},
    )


_EVERY = "the administrator has switched off all hooks"


def _switched_off(settings: Any) -> tuple[str, bool]:
    """Why hooks do not run, and whether the administrator's do all the same."""
    off = settings.value("disableAllHooks")
    if off is not None and off.value is True:
        if off.origin.layer == "enterprise":
            return _EVERY, True
        return f"hooks are switched off (disableAllHooks in {off.origin})", True
    if settings.get("allowManagedHooksOnly", False) is True:
        return "only the administrator's hooks run (allowManagedHooksOnly)", True
    return "", False


def _bounded(hooks: list[Hook], warnings: list[str]) -> list[Hook]:
    theirs = [hook for hook in hooks if not hook.trusted]
    if len(theirs) <= OF_PROJECT:
        return hooks
    first = theirs[OF_PROJECT].origin
    warnings.append(f"{first}: a project has at most {OF_PROJECT} hooks; this and further ones never run")
    kept = set(map(id, theirs[:OF_PROJECT]))
    return [hook for hook in hooks if hook.trusted or id(hook) in kept]


def _as_recorded(hooks: list[Hook], settings: Any, read: _Reading) -> list[Hook]:
    """Without any hook of a file that Claude Code would not read, because one of its hooks has another shape."""
    bad = {notice.origin.file for notice in settings.warnings if notice.key.startswith("hooks")}
    bad |= read.unfit | {hook.source for hook in hooks if hook.shape == "flat"}
    return [hook for hook in hooks if hook.shape != "python" and hook.source not in bad]


class _Reading:
    """Makes hooks of the entries of settings files, and notes what cannot be used."""

    def __init__(self, warnings: list[str]) -> None:
        self._warnings = warnings
        self.unfit: set[Path | None] = set()
        self.remarks: set[str] = set()

    def all_of(self, settings: Any) -> Iterator[Hook]:
        section = settings.value("hooks")
        for listed in () if section is None else section.parts:
            event = listed.key.removeprefix("hooks.")
            if event not in EVENTS:
                what = "does not happen here" if event in _ELSEWHERE else "is no event; look at its spelling"
                self._warnings.append(f"{listed.origin}: hooks.{event}: {what}, so its hooks never run")
                if event in _ELSEWHERE:
                    self.remarks.add(self._warnings[-1])
                continue
            counted: dict[Path | None, int] = {}
            for entry in listed.parts:
                number = counted.get(entry.origin.file, 0)
                counted[entry.origin.file] = number + 1
                yield from self._of_entry(event, entry, f"{event}[{number}]")

    def of_packs(self, signed: Signed) -> Iterator[Hook]:
        """The hooks of signed packs: trusted as the user's own, or the administrator's where their key vouches."""
        for file in signed.files:
            for entry in entries(file, self._warnings.append):
                if entry.event not in EVENTS:
                    what = "does not happen here" if entry.event in _ELSEWHERE else "is no event"
                    self._warnings.append(f"{entry.origin}: hooks.{entry.event}: {what}, so its hooks never run")
                    continue
                for hook in self._of_entry(entry.event, entry, f"{entry.event}[{entry.number}]"):
                    yield replace(hook, pack=entry.pack)

    def _of_entry(self, event: str, entry: Any, place: str) -> Iterator[Hook]:
        group: dict[str, Any] = entry.value
        matcher = group.get("matcher", "")
        why = problem_of(matcher)
        if why:
            self._warn(entry.origin, f"{place}.matcher", f"{matcher!r} never matches: {why}")
        if "hooks" not in group:
            yield from self._of_command(event, matcher, group, entry.origin, place, flat=True)
            return
        for number, command in enumerate(group["hooks"]):
            yield from self._of_command(event, matcher, command, entry.origin, f"{place}.hooks[{number}]", flat=False)

    def _of_command(
        self, event: str, matcher: str, said: Mapping[str, Any], origin: Any, place: str, *, flat: bool
    ) -> Iterator[Hook]:
        kind = said.get("type", "command")
        if kind != "command":
            known = kind in ("http", "prompt", "agent", "mcp_tool")
            self._warn(origin, place, f"hooks of type {kind!r} are not run here; use a command")
            if not known:
                self.unfit.add(origin.file)
            return
        wrong = [name for name, fits in _FITS.items() if name in said and not isinstance(said[name], fits)]
        if wrong:
            # Half a hook must not run: what is wrong in it may be what kept it rare.
            self._warn(origin, f"{place}.{wrong[0]}", "is of the wrong kind; correct it; the entry does not count")
            self.unfit.add(origin.file)
            return
        args = said.get("args")
        permissions = said.get("permissions")
        texts = (matcher, said["command"], said.get("if", ""), *(args or ()), *(permissions or ()))
        if not origin.trusted and any(_LONE.search(text) for text in texts):
            self._warn(origin, place, "has half a character in it, which no command can have; correct it")
            self.unfit.add(origin.file)
            return
        hook = Hook(
            event,
            matcher,
            shell=said["command"] if args is None else "",
            argv=() if args is None else (said["command"], *args),
            timeout=None if said.get("timeout") is None else float(min(said["timeout"], LONGEST_SECONDS)),
            condition=said.get("if", "").strip(),
            asynchronous=said.get("async", False),
            once=said.get("once", False),
            permissions=None if permissions is None else tuple(permissions),
            shape="flat" if flat else "nested",
            source=origin.file,
            line=origin.line,
            place=place,
            scope=_SCOPES.get(origin.layer, "user"),
            trusted=origin.trusted,
        )
        for fault in permission_faults(hook.permissions or ()):
            self._warn(origin, f"{place}.permissions", f"{fault}; it does not start")
            self.remarks.add(self._warnings[-1])
        for name in undeclared(hook):
            self._warn(origin, f"{place}.permissions", f"do not name {name}, which it starts: add run:{name}")
            self.remarks.add(self._warnings[-1])
        yield hook

    def _warn(self, origin: Any, place: str, what: str) -> None:
        self._warnings.append(f"{origin}: hooks.{place}: {what}")


_LONE = re.compile(r"[\ud800-\udfff]")
_FITS: Mapping[str, type] = {"if": str, "async": bool, "once": bool}
