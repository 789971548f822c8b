"""Programs that only choose another one: what pyenv, asdf, mise, Volta and the like put on the PATH."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from codexplus_core import programs_of

from .server import Server
from .shown import one_line, quoted

_RUN = "run:"
# Volta has one program under many names; mise and the others fill a folder of this name.
_FOLDER, _ONE_FOR_ALL = "shims", frozenset({"volta-shim", "volta-shim.exe"})
_REAL = ("versions/*/bin", "installs/*/*/bin", "tools/image/*/*/bin")
_NUMBER = re.compile(r"(\d+)")


def shim_fault(server: Server, project: Path) -> str:
    """Why a program in the sandbox cannot start for being a shim, and what to do; ``""`` where none is. Reads files.

    The version that a shim takes is decided by programs and files all over the user's home and the project. None of
    them is there in the sandbox, and to decide it here would be to do what each manager does, anew, with what a
    repository writes. A folder that the user puts on the PATH decides for `node` and `npx` alike.
    """
    if server.is_remote or not server.permissions:
        return ""
    for name, path in _started(server, project):
        if path.parent.name != _FOLDER and path.resolve().name not in _ONE_FOR_ALL:
            continue
        if any(each.startswith("read:") and path.parent.parent.name in each for each in server.permissions):
            continue  # whoever declares the manager's own folder has thought of it
        real = _real(path)
        todo = f"PATH={quoted(real.parent)}:$PATH" if real is not None else f"the folder of the real {one_line(name)}"
        return (
            f"{one_line(name)} is a version manager's shim ({one_line(path)}), and in the sandbox it finds no version;"
            f" start codex-plus with the version's folder first on the PATH: {todo}"
        )
    return ""


def _started(server: Server, project: Path) -> Iterator[tuple[str, Path]]:
    run = (each.removeprefix(_RUN) for each in server.permissions if each.startswith(_RUN))
    names: Iterable[str] = dict.fromkeys((server.command, *run))
    for name in names:
        (_, path, _), *_ = programs_of([(name,)], cwd=project)
        if path:
            yield name, Path(path)


def _real(shim: Path) -> Path | None:
    """The newest program that the shim could lead to, None where none is found beside its folder."""
    found = (path for pattern in _REAL for path in shim.parent.parent.glob(f"{pattern}/{shim.name}") if path.is_file())
    return max(found, key=_age, default=None)


def _age(path: Path) -> list[tuple[int, str]]:
    """Versions compared as people read them: 3.9 is older than 3.11."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBER.split(str(path))]
