"""The folders that command files lie in, and which of them comes first."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .command_file import Scope

FOLDERS = (".codexplus", ".claude", ".codex")
"""The first one first."""
HIGHEST = 64
"""Folders above the working directory that are looked at."""

Style = Literal["commands", "skills", "modules"]


@dataclass(frozen=True, slots=True)
class Root:
    """A folder of command files. ``within`` is what links in it may not leave, None where they may lead anywhere.

    ``code`` says that files in JavaScript and Python there are commands; ``prefix`` stands before every name.
    """

    path: Path
    style: Style
    scope: Scope
    within: Path | None = None
    code: bool = True
    prefix: str = ""
    plugin_root: Path | None = None


class Places:
    """Where command files lie: ``home``'s folders, moved ones among them, and those of plugins."""

    def __init__(self, home: Path, folders: Mapping[str, Path], plugins: Sequence[Path]) -> None:
        self._home = home
        self._folders = {name: folders.get(name, home / name) for name in FOLDERS}
        self._plugins = tuple(plugins)

    def roots(self, project: Path | None, *, strict: bool) -> tuple[tuple[Root, ...], tuple[str, ...]]:
        """The folders that count in a project, the first one first, and sentences about those that do not."""
        problems: list[str] = []
        levels = tuple(self._levels(project)) if project is not None else ()
        ours = [root for level in levels for root in _level(level, levels, problems, strict=strict)]
        users = list(self._users(problems, strict=strict))
        plugins = [root for folder in self._plugins for root in _plugin(folder)]
        if not strict:
            return (*ours, *users, *plugins), tuple(problems)
        # As observed with Claude Code: any skill before any command, and the user's before the project's. What it does
        # not read at all comes last, so that it changes nothing.
        theirs = [root for root in (*users, *ours) if _of_claude(root)]
        others = [root for root in (*ours, *users) if not _of_claude(root)]
        theirs.sort(key=lambda root: root.style != "skills")
        return (*theirs, *plugins, *others), tuple(problems)

    def _levels(self, project: Path) -> Iterator[Path]:
        """The working directory and those above it, up to the one with ``.git``, or below home."""
        home = os.path.realpath(self._home)
        levels = [project, *project.parents][:HIGHEST]
        top = next((number for number, level in enumerate(levels) if os.path.lexists(level / ".git")), None)
        for level in levels if top is None else levels[: top + 1]:
            if os.path.realpath(level) == home:
                if top is None:
                    return
                continue
            yield level

    def _users(self, problems: list[str], *, strict: bool) -> Iterator[Root]:
        for name, folder in self._folders.items():
            strangers = _strangers(folder) or _strangers(folder / "commands")
            if strangers:
                problems.append(
                    f"{folder}: {strangers}, so its commands count as a project's; run: chmod -R go-w {folder}"
                )
            scope: Scope = "project" if strangers else "user"
            code = not (strict and name == ".claude")
            if name == ".claude":
                yield Root(folder / "skills", "skills", scope, code=False)
            yield Root(folder / "commands", "commands", scope, code=code)
            if name == ".codexplus":
                yield Root(folder / "modules", "modules", scope)


def _of_claude(root: Root) -> bool:
    return root.style == "skills" or not root.code


def _level(level: Path, levels: Sequence[Path], problems: list[str], *, strict: bool) -> Iterator[Root]:
    repository = os.path.lexists(levels[-1] / ".git")
    # Without a repository a link may lead no further than to its own level.
    top = levels[-1] if repository else level
    for name in FOLDERS:
        folder = level / name
        if folder.is_symlink() and not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(top)):
            problems.append(
                f"{folder}: is a link that leads out of {top}, so its commands are not read; put a copy there"
            )
            continue
        # Without a repository the way up leads through folders such as /tmp, where anybody may put one of these.
        if not repository and level != levels[0] and not _ours(folder, levels[0]):
            problems.append(f"{folder}: belongs to another user, so its commands are not read; remove it")
            continue
        if name == ".claude":
            yield Root(folder / "skills", "skills", "project", top, code=False)
        yield Root(folder / "commands", "commands", "project", top, code=not (strict and name == ".claude"))
        if name == ".codexplus":
            yield Root(folder / "modules", "modules", "project", top)


def _plugin(folder: Path) -> Iterator[Root]:
    name = folder.name
    try:
        with (folder / ".claude-plugin" / "plugin.json").open("rb") as file:
            said = json.loads(file.read(1 << 16))
        if isinstance(said, dict) and isinstance(said.get("name"), str) and said["name"]:
            name = said["name"]
    except (OSError, ValueError, RecursionError):
        # Without a readable manifest a plugin is called as its folder is.
        pass
    for style in ("skills", "commands"):
        yield Root(folder / style, style, "plugin", None, code=False, prefix=f"{name}:", plugin_root=folder)


def _ours(folder: Path, project: Path) -> bool:
    """Whether a folder is missing, or belongs to the user who runs this or to whom the project belongs."""
    try:
        return not hasattr(os, "getuid") or folder.stat().st_uid in (os.getuid(), project.stat().st_uid)
    except OSError:
        return True


def _strangers(folder: Path) -> str:
    """Why somebody else could have written what lies there, ``""`` if nobody could; root could anyway."""
    if not hasattr(os, "getuid"):
        return ""
    try:
        found = folder.stat()
    except OSError:
        return ""
    if found.st_uid not in (os.getuid(), 0):
        return f"belongs to user {found.st_uid}"
    if stat.S_IMODE(found.st_mode) & 0o022:
        return f"can be written by other users (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""
