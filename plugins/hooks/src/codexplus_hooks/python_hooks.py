"""The Python hooks: ``pre_input.py`` and ``post_output.py`` in the folder ``hooks`` beside a settings file."""

from __future__ import annotations

import ast
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hook import LONGEST_SECONDS, POST_OUTPUT, PRE_INPUT, Hook

FOLDERS: Mapping[str, str] = {".codexplus": "CODEX_PLUS_HOME", ".claude": "CLAUDE_CONFIG_DIR", ".codex": "CODEX_HOME"}
"""Where they are looked for, and the variable that moves the user's own; the first folder that has one wins."""
LONGEST = 256 * 1024
"""Bytes of a file that is looked at for what it declares; a longer one is not run."""

_NAMES = (PRE_INPUT, POST_OUTPUT)
_DECLARED = frozenset({"PERMISSIONS", "TIMEOUT", "BUFFERS"})


@dataclass(frozen=True, slots=True)
class _File:
    event: str
    path: Path
    of_project: bool


class PythonHooks:
    """Finds them in a project and in the user's folders."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self._user = [Path(env[name]) if env.get(name) else home / folder for folder, name in FOLDERS.items()]

    def stamp(self, project: Path | None) -> object:
        """Something that is another when one of the files is."""
        return tuple(_stamp(file.path) for file in self._candidates(project))

    def read(self, project: Path | None) -> tuple[Hook, ...]:
        """Those that are there, the user's own first: theirs sees the words as they were typed."""
        found: dict[tuple[str, bool], Hook] = {}
        for file in self._candidates(project):
            if (file.event, file.of_project) in found:
                continue
            hook = _read(file, project)
            if hook is not None:
                found[file.event, file.of_project] = hook
        return tuple(found.values())

    def _candidates(self, project: Path | None) -> Iterator[_File]:
        for event in _NAMES:
            for folder in self._user:
                yield _File(event, folder / "hooks" / f"{event}.py", False)
            for name in FOLDERS if project is not None else ():
                yield _File(event, Path(project or "") / name / "hooks" / f"{event}.py", True)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode


def _read(file: _File, project: Path | None) -> Hook | None:
    try:
        if file.of_project and not _lies_in(file.path, project):
            return None
        found = file.path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > LONGEST:
            return None
        data = file.path.read_bytes()
    except (OSError, ValueError, RuntimeError):
        return None
    declared = _declarations(data)
    timeout, permissions = declared.get("TIMEOUT"), declared.get("PERMISSIONS")
    # Isolated, where somebody else wrote it: what lies beside it was not read by whoever allowed it.
    options = ("-I", "-X", "utf8") if file.of_project else ("-X", "utf8")
    return Hook(
        file.event,
        argv=(sys.executable, *options, str(file.path)),
        timeout=_seconds(timeout),
        permissions=_texts(permissions),
        shape="python",
        source=file.path,
        place=file.path.name,
        scope="project" if file.of_project else "user",
        trusted=not file.of_project and not _is_strangers(file.path),
        buffers=file.event == POST_OUTPUT and declared.get("BUFFERS") is True,
        content=hashlib.sha256(data).hexdigest(),
    )


def _lies_in(path: Path, project: Path | None) -> bool:
    return project is not None and path.resolve().is_relative_to(project.resolve())


def _is_strangers(path: Path) -> bool:
    """Whether other users could have written it; Windows has other means against that."""
    if os.name != "posix":
        return False
    real = path.resolve()
    return any(
        each.stat().st_mode & 0o022 or each.stat().st_uid not in (os.getuid(), 0) for each in (real, real.parent)
    )


def _declarations(data: bytes) -> dict[str, Any]:
    """The constants at the top of the file that say how it wants to be run; the file is not run for that."""
    try:
        body = ast.parse(data).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, Any] = {}
    for statement in body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Name) and target.id in _DECLARED:
            try:
                found[target.id] = ast.literal_eval(statement.value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                continue
    return found


def _seconds(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        return None
    return float(min(value, LONGEST_SECONDS))


def _texts(value: Any) -> tuple[str, ...] | None:
    listed = value if isinstance(value, list | tuple) else None
    return tuple(listed) if listed is not None and all(isinstance(each, str) for each in listed) else None
