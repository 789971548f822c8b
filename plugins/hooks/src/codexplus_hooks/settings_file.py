"""A settings file that the user has changed by a command: read whole, backed up, replaced at once or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from codexplus_core import Problem

from .json_text import CannotChange, JsonText
from .json_text import Path as KeyPath

LONGEST = 1 << 20
"""Bytes of a settings file, as many as are read of one."""

_BOM = "\ufeff"
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | _CLOEXEC


class Document(Protocol):
    """A settings file's text that is edited by key."""

    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def text(self) -> str: ...
    def put(self, path: KeyPath, value: Any) -> None: ...
    def drop(self, path: KeyPath) -> None: ...
    def line_of(self, path: KeyPath) -> int: ...


Edit = Callable[[Document], None]
"""Changes a document. Raises CannotChange."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be written: ``target`` is the file behind ``path``, ``before`` its bytes (None: there is none).

    Without ``after`` the file is removed: nothing is left in it.
    """

    path: Path
    target: Path
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Written:
    """A settings file that was changed or ``removed``, and the copy of what it was; None where there was none."""

    path: Path
    backup: Path | None
    removed: bool = False


def plan(path: Path, edit: Edit, *, within: Path | None = None, ours: bool = False) -> Plan:
    """Work out what a change comes to. ``within`` is the project that a project's file must not lead out of.

    ``ours`` is a file that we make where it is not there; when nothing is left in it, it goes.

    Raises Problem where the file cannot be read or is not what the edit expects; nothing is written.
    """
    try:
        target = path.resolve()
        if within is not None and not target.is_relative_to(within.resolve()):
            raise Problem(f"{path}: leads out of the project; edit that file by hand")
        before = _read(target)
        text = "" if before is None else before.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(f"{path}: is no UTF-8; correct that first") from None
    except (OSError, RuntimeError) as error:
        raise Problem(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); correct that") from None
    mark = _BOM if text.startswith(_BOM) else ""
    try:
        document = _opened(path, text.removeprefix(_BOM))
        edit(document)
        after = document.text
        if _opened(path, after).data != document.data:
            raise CannotChange("cannot be changed without changing more of it")
    except CannotChange as why:
        raise Problem(f"{path}: {why}; correct it, or edit it by hand") from None
    if ours and after.strip() in ("", "{}") and (before is None or before.strip() not in (b"", b"{}")):
        return Plan(path, target, before, None)
    return Plan(path, target, before, (mark + after).encode("utf-8"))


def write(planned: Plan, backups: Path) -> Written:
    """Write it, the old bytes being kept in ``backups``. Raises Problem; then nothing was changed."""
    if planned.after == planned.before:
        return Written(planned.path, None)
    try:
        backup = None if planned.before is None else _kept(planned.target.name, planned.before, backups)
        if planned.after is None:
            planned.target.unlink()
            return Written(planned.path, backup, removed=True)
        planned.target.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600
        if planned.before is not None:
            mode = stat.S_IMODE(planned.target.stat().st_mode)
        if _read(planned.target) != planned.before:
            raise Problem(f"{planned.path}: was changed by another program just now; try again")
        _replace(planned.target, planned.after, mode)
    except OSError as error:
        raise Problem(f"{planned.path}: cannot be written ({error.strerror}); make its folder writable") from None
    return Written(planned.path, backup)


def _opened(path: Path, text: str) -> Document:
    if path.suffix not in (".yaml", ".yml"):
        return JsonText(text)
    # ruamel is slow to import, and most people have no YAML settings.
    from .yaml_text import YamlText

    return YamlText(text)


def _read(path: Path) -> bytes | None:
    try:
        handle = os.open(path, _READ)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no regular file")
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise OSError(0, f"it is larger than {LONGEST} bytes")
    return data


def _kept(name: str, data: bytes, backups: Path) -> Path:
    backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    backup = backups / f"{name}.{hashlib.sha256(data).hexdigest()[:16]}"
    if not backup.exists():
        _replace(backup, data, 0o600)
    return backup


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    handle = os.open(temporary, _NEW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if hasattr(os, "fchmod"):
                # The process umask must not decide: the mode is that of the file which is replaced.
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
