"""The hooks of signed packs, and which others may not run beside them (``security.requireSigned``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import Core, PackFile

from .hook import Hook


@dataclass(frozen=True, slots=True)
class Signed:
    """What packs bring, and what must come from one: every hook, or those of a project.

    ``problems`` are packs that are not used, each with a sentence.
    """

    files: tuple[PackFile, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    projects: bool = False

    def refuses(self, hook: Hook) -> bool:
        """Whether the hook may not run because nobody vouches for it; the administrator's policy vouches for its own.

        What a project demands is about its own hooks: it must not switch off those that watch over its reader.
        """
        if hook.pack is not None or hook.scope == "enterprise":
            return False
        return self.everything or (self.projects and hook.scope == "project")


@dataclass(frozen=True, slots=True)
class PackOrigin:
    """Where a hook of a pack stands, as the origin of a setting says it."""

    file: Path
    layer: str
    line: int | None = None
    trusted: bool = True

    def __str__(self) -> str:
        return str(self.file)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an event in a pack's hooks file, as an entry of the settings says it."""

    event: str
    number: int
    value: Mapping[str, Any]
    origin: PackOrigin
    pack: PackFile


def signed_of(core: Core, project: Path | None) -> Signed:
    """What holds in a project now."""
    packs = core.packs
    return Signed(
        packs.files("hook"), packs.problems, packs.required(project), packs.required(project, of_project=True)
    )


def refusal(hook: Hook) -> str:
    """Why an unsigned hook does not run, and what to do."""
    return (
        f"{hook.origin}: {hook.place or hook.event}: comes from no signed pack, and only hooks of those run here"
        " (security.requireSigned); ask for it in a pack, or have the setting changed"
    )


def entries(file: PackFile, warn: Callable[[str], None]) -> Iterator[Entry]:
    """The entries of a pack's ``hooks/hooks.json``; those that cannot be used are warned of."""
    # The administrator's key vouches for it as the policy would.
    origin = PackOrigin(file.file, "enterprise" if file.managed else "user")
    try:
        said = json.loads(file.data)
    except (ValueError, RecursionError):
        said = None
    events = said.get("hooks", said) if isinstance(said, dict) else None
    if not isinstance(events, dict):
        warn(f"{file.file}: is no object of hooks by event; its maker has to correct it")
        return
    for event, groups in events.items():
        if not isinstance(groups, list):
            if event != "description":
                warn(f"{file.file}: hooks.{event}: is no list; its maker has to correct it")
            continue
        for number, group in enumerate(groups):
            why = _fault(group)
            if why:
                warn(f"{file.file}: hooks.{event}[{number}]: {why}; its maker has to correct it")
            else:
                yield Entry(event, number, group, origin, file)


def _fault(group: Any) -> str:
    """What is wrong with an entry, ``""`` if nothing: half a hook must not run."""
    if not isinstance(group, dict):
        return "is no object"
    if not isinstance(group.get("matcher", ""), str):
        return "its matcher is no text"
    inner = group.get("hooks")
    commands = [group] if inner is None else inner
    if not isinstance(commands, list):
        return "its hooks are no list"
    return next((why for why in map(_command_fault, commands) if why), "")


def _command_fault(hook: Any) -> str:
    if not isinstance(hook, dict):
        return "a hook is no object"
    if hook.get("type", "command") == "command" and not (isinstance(hook.get("command"), str) and hook["command"]):
        return "a command is missing"
    timeout = hook.get("timeout", 1)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not 0 < timeout < float("inf"):
        return "a timeout is no number of seconds above 0"
    for name in ("args", "permissions"):
        listed = hook.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            return f"{name} is no list of texts"
    return ""
