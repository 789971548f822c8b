"""Copying settings and commands from `.codex` to `.claude`, which comes first: nothing is deleted or overwritten."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from .problem import Problem

SETTINGS = tuple(f"{stem}{suffix}" for stem in ("settings", "settings.local") for suffix in (".json", ".yaml", ".yml"))
FILES = 1000
"""Files that are looked at in one folder."""
SIZE = 1 << 20
"""Bytes of the largest file that is copied."""
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Copy:
    """A file and the place in `.claude` that it would be copied to."""

    source: Path
    target: Path


def copies(codex: Path, claude: Path) -> list[Copy]:
    """What of the folder ``codex`` is missing in ``claude``: settings and commands, regular files only, no links.

    Settings are left where ``claude`` has some of the same name in any form: beside a `.yaml` of its own a `.json` from
    ``codex`` would count more than it does now.
    """
    if codex.is_symlink() or claude.is_symlink() or _same(codex, claude):
        return []
    taken = {Path(name).stem for name in SETTINGS if os.path.lexists(claude / name)}
    found = [codex / name for name in SETTINGS if Path(name).stem not in taken]
    commands = codex / "commands"
    if commands.is_dir() and not commands.is_symlink():
        found += _below(commands)
    planned = [Copy(path, claude / path.relative_to(codex)) for path in found if _copyable(path)]
    return [copy for copy in planned if not os.path.lexists(copy.target) and not _leads_away(copy.target, claude)]


def count(folder: Path) -> tuple[int, int]:
    """How many settings files and commands a folder has."""
    commands = folder / "commands"
    inside = [path for path in _below(commands) if path.suffix in (".md", ".py", ".js")] if commands.is_dir() else []
    return sum(1 for name in SETTINGS if (folder / name).is_file()), len(inside)


def carry_out(planned: list[Copy]) -> list[Copy]:
    """Copy; what has come to be there meanwhile is left out. Returns what was copied."""
    return [copy for copy in planned if _copied(copy)]


def _leads_away(target: Path, claude: Path) -> bool:
    """Whether a folder on the way is a link: a repository could have the copies written anywhere."""
    between = [folder for folder in target.parents if folder.is_relative_to(claude)]
    return any(folder.is_symlink() for folder in between)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for where, folders, files in os.walk(folder):
        # A folder that is a link is not entered by walk; its depth is bounded by the count.
        folders.sort()
        found += [Path(where, name) for name in sorted(files)]
        if len(found) >= FILES:
            return found[:FILES]
    return found


def _copyable(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= SIZE


def _copied(copy: Copy) -> bool:
    try:
        source = os.open(copy.source, os.O_RDONLY | _FLAGS)
        with os.fdopen(source, "rb") as file:
            data, mode = file.read(SIZE + 1), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        copy.target.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(copy.target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, mode & 0o644)
        with os.fdopen(target, "wb") as file:
            file.write(data)
    except FileExistsError:
        return False
    except OSError as error:
        where = error.filename or copy.target
        raise Problem(f"{where}: cannot be copied to {copy.target} ({error.strerror}); copy it by hand") from error
    return True
