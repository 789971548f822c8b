"""Adding, removing and switching hooks in the settings files that they stand in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from codexplus_core import Core, Problem, shell_commands

from .hook import EVENTS, Hook, permission_faults
from .json_text import CannotChange
from .matcher import names_of, problem_of
from .python_hooks import FOLDERS
from .settings_file import Document, Edit, Plan, plan
from .switched import LISTED, line_for, matches_line

Where = Literal["user", "project", "local"]
PLACES: tuple[Where, ...] = ("user", "project", "local")
SUFFIXES = (".json", ".yaml", ".yml")

_PLACE = re.compile(r"\w+\[(\d+)\](?:\.hooks\[(\d+)\])?")


@dataclass(frozen=True, slots=True)
class NewHook:
    """A hook that is to be written, in Claude Code's own shape.

    ``timeout`` is in seconds, None for the default. ``permissions`` is None where none are to be declared.
    """

    event: str
    command: str
    matcher: str = ""
    timeout: float | None = None
    permissions: tuple[str, ...] | None = None

    def checked(self) -> NewHook:
        """Itself. Raises Problem for what would never run, or not as it is meant."""
        if self.event not in EVENTS:
            raise Problem(f"{self.event}: is no event; one of {', '.join(EVENTS)}", exit_code=2)
        if not self.command.strip():
            raise Problem("a hook needs a command", exit_code=2)
        if self.matcher not in ("", "*") and names_of(self.event, {}) is None:
            raise Problem(f"{self.event}: takes no matcher; leave it out", exit_code=2)
        if why := problem_of(self.matcher):
            raise Problem(f"{self.matcher}: never matches: {why}", exit_code=2)
        if self.timeout is not None and not 0 < self.timeout < float("inf"):
            raise Problem("the timeout is a number of seconds above 0", exit_code=2)
        for fault in permission_faults(self.permissions or ()):
            raise Problem(fault, exit_code=2)
        return self

    @property
    def relative(self) -> str:
        """The program that it would take from whichever project Codex is in, ``""`` for none."""
        started = (argv[0] for argv in shell_commands(self.command) or () if argv)
        return next((word for word in started if "/" in word and not word.startswith(("/", "~", "$"))), "")

    def entry(self) -> dict[str, Any]:
        """The entry of the event's list."""
        hook: dict[str, Any] = {"type": "command", "command": self.command}
        if self.timeout is not None:
            hook["timeout"] = int(self.timeout) if self.timeout == int(self.timeout) else self.timeout
        if self.permissions is not None:
            hook["permissions"] = list(self.permissions)
        return {"matcher": self.matcher, "hooks": [hook]} if self.matcher else {"hooks": [hook]}


@dataclass(frozen=True, slots=True)
class Folders:
    """Where settings files lie: the user's folders, which ``env`` may move, and the project's (None: there is none)."""

    home: Path
    env: Mapping[str, str]
    project: Path | None = None

    @property
    def state(self) -> Path:
        """codex-plus's own folder."""
        return self._user(".codexplus")

    @property
    def backups(self) -> Path:
        """Where files are kept as they were."""
        return self.state / "backups"

    def file(self, where: Where) -> Path:
        """The file that a new hook goes into: the highest one that is there, else ``settings.json`` of ``.claude``.

        Raises Problem for a project's where there is no project.
        """
        if where != "user" and self.project is None:
            raise Problem("there is no project here; name one, or add the hook for yourself (user)", exit_code=2)
        stem = "settings.local" if where == "local" else "settings"
        folders = {name: self._user(name) if where == "user" else Path(self.project or "") / name for name in FOLDERS}
        listed = [folder / f"{stem}{suffix}" for folder in folders.values() for suffix in SUFFIXES]
        return next((path for path in listed if path.is_file()), folders[".claude"] / f"{stem}.json")

    def within(self, path: Path) -> Path | None:
        """The project that a file belongs to, None for the user's own."""
        return self.project if self.project is not None and path.is_relative_to(self.project) else None

    def _user(self, name: str) -> Path:
        moved = self.env.get(FOLDERS[name])
        return Path(moved).expanduser().absolute() if moved else self.home / name


def adding(hook: NewHook, where: Where, folders: Folders) -> Plan:
    """The change that adds a hook. Raises Problem."""
    new, path = hook.checked(), folders.file(where)

    def edit(document: Document) -> None:
        section = document.data.get("hooks")
        if section is None:
            document.put(("hooks",), {new.event: [new.entry()]})
            return
        listed = section.get(new.event) if isinstance(section, dict) else None
        if not isinstance(section, dict) or not isinstance(listed, list | None):
            raise CannotChange(f"has something else than a list in hooks.{new.event}")
        if listed is None:
            document.put(("hooks", new.event), [new.entry()])
        elif new.entry() in listed:
            raise CannotChange("has this very hook already")
        else:
            document.put(("hooks", new.event, len(listed)), new.entry())

    return plan(path, edit, within=folders.within(path))


def removing(hook: Hook, folders: Folders) -> Plan:
    """The change that takes a hook out of its file. Raises Problem, for a hook that is a file of its own, too."""
    if hook.source is None:
        raise Problem("this hook comes from the command line of serve; leave it out there")
    if hook.pack is not None:
        raise Problem(f"{hook.source}: belongs to a signed pack; switch the hook off, or: pack remove {hook.pack.pack}")
    if hook.scope == "enterprise":
        raise Problem(f"{hook.source}: is the administrator's; ask them")
    if hook.shape == "python":
        raise Problem(f"{hook.source}: is the hook itself; delete or move the file, or switch it off: disable")

    def edit(document: Document) -> None:
        group, inner = _position(document, hook)
        groups = document.data["hooks"][hook.event]
        path: tuple[str | int, ...] = ("hooks", hook.event, group)
        if inner is not None and len(groups[group]["hooks"]) > 1:
            document.drop((*path, "hooks", inner))
        elif len(groups) > 1:
            document.drop(path)
        else:
            document.drop(path[:2])

    return plan(hook.source, edit, within=folders.within(hook.source))


def switching_off(hook: Hook, folders: Folders) -> Plan:
    """The change to the user's own settings that keeps a hook from running, wherever it stands. Raises Problem."""
    if hook.scope == "enterprise":
        raise Problem(f"{hook.origin}: is the administrator's and cannot be switched off")
    return _in_own_settings(folders, _append(line_for(hook)))


def switching_on(hook: Hook, core: Core, folders: Folders) -> list[Plan]:
    """The changes that let a hook run again; none where it is not switched off. Raises Problem."""
    listed = core.config.for_project(folders.project).items(LISTED)
    files = {each.origin.file for each in listed if each.origin.file and matches_line(hook, str(each.value))}

    def edit(document: Document) -> None:
        lines = document.data.get(LISTED, [])
        for number in reversed(range(len(lines))):
            if matches_line(hook, str(lines[number])):
                document.drop((LISTED, number))
        if not document.data[LISTED]:
            document.drop((LISTED,))

    return [plan(path, edit, ours=path.parent == folders.state) for path in sorted(files)]


def switching_all(folders: Folders, *, off: bool) -> Plan:
    """The change that switches off every hook but the administrator's, or takes that back. Raises Problem."""

    def edit(document: Document) -> None:
        if off:
            document.put(("disableAllHooks",), True)
        elif "disableAllHooks" in document.data:
            document.drop(("disableAllHooks",))

    return _in_own_settings(folders, edit)


def _in_own_settings(folders: Folders, edit: Edit) -> Plan:
    listed = [folders.state / f"settings{suffix}" for suffix in SUFFIXES]
    return plan(next((path for path in listed if path.is_file()), listed[0]), edit, ours=True)


def _append(line: str) -> Edit:
    def edit(document: Document) -> None:
        listed = document.data.get(LISTED)
        if listed is None:
            document.put((LISTED,), [line])
        elif not isinstance(listed, list):
            raise CannotChange(f"has something else than a list in {LISTED}")
        elif line not in listed:
            document.put((LISTED, len(listed)), line)

    return edit


def _position(document: Document, hook: Hook) -> tuple[int, int | None]:
    """Where a hook stands in the raw file, in which entries may stand that did not count. Raises CannotChange."""
    section = document.data.get("hooks")
    groups = section.get(hook.event) if isinstance(section, dict) else None
    found = _PLACE.fullmatch(hook.place)
    if not isinstance(groups, list) or found is None:
        raise CannotChange(f"does not have the hook {hook.place} any more")
    said = (int(found[1]), None if found[2] is None else int(found[2]))
    places = [
        (number, inner)
        for number, group in enumerate(groups)
        if isinstance(group, dict)
        for inner, entry in _entries(group)
        if _is(entry, group, hook)
    ]
    at_line = [place for place in places if document.line_of(("hooks", hook.event, place[0])) == hook.line]
    for candidates in ([place for place in places if place == said], at_line, places):
        if len(candidates) == 1:
            return candidates[0]
    raise CannotChange(f"does not have the hook {hook.place} in a form that can be told from others")


def _entries(group: Mapping[str, Any]) -> Iterable[tuple[int | None, Any]]:
    inner = group.get("hooks")
    return enumerate(inner) if isinstance(inner, list) else [(None, group)]


_VARIABLE = re.compile(r"\$\{[^}]*\}")


def _is(entry: Any, group: Mapping[str, Any], hook: Hook) -> bool:
    if not isinstance(entry, dict):
        return False
    args = entry.get("args")
    words = (entry.get("command", ""), *(args if isinstance(args, list) else ()))
    meant = hook.argv if args is not None else (hook.shell,)
    return (
        len(words) == len(meant)
        and all(_reads_as(word)(text) for word, text in zip(words, meant, strict=True))
        and _reads_as(group.get("matcher", ""))(hook.matcher)
    )


def _reads_as(written: Any) -> Callable[[str], bool]:
    """Whether a text is what was written, its ``${VAR}`` replaced by anything."""
    pieces = [re.escape(piece) for piece in _VARIABLE.split(str(written))]
    return lambda text: re.fullmatch("[\\s\\S]*".join(pieces), text) is not None
