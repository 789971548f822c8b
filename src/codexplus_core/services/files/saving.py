"""Writing a new file whose name a user gave: below one folder, never over anything, never by way of a link."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from ..paths import private_dir
from ..problem import Problem

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in "123456789")})


class CannotSave(Problem):
    """A file that is not written; the message says which, why and what to do."""


def save_new(folder: Path, name: str, data: bytes) -> Path:
    """Write ``data`` to the new file ``name`` below ``folder``, for this user alone; return its path.

    Folders on the way are made; one that is there stays as open as it is, a project's is not ours to close. Raises
    Problem where the folder cannot be made, and CannotSave where the name leads out, goes over a link or is taken, and
    where the disk does not take it; then nothing stays behind.
    """
    parts = _parts(folder, name)
    if not folder.is_dir():
        private_dir(folder)
    target = folder.joinpath(*parts)
    try:
        at = _entered(folder, parts[:-1])
        try:
            _write(parts[-1], at, data, target)
        finally:
            if at is not None:
                os.close(at)
    except OSError as error:
        raise _cannot(target, error) from None
    return target


def _parts(folder: Path, name: str) -> tuple[str, ...]:
    parts = tuple(name.replace("\\", "/").split("/")) if sys.platform == "win32" else tuple(name.split("/"))
    odd = any(part in ("", ".", "..") or part.endswith((".", " ")) or ":" in part or not part.isprintable()
              or part.split(".")[0].casefold() in _RESERVED for part in parts)  # fmt: skip
    if odd or len(os.fsencode(name)) > 1000:
        raise CannotSave(f"{name!r}: no name of a new file; name one without .. that goes below {folder}")
    return parts


def _entered(folder: Path, parts: tuple[str, ...]) -> int | None:
    """A handle to the folder that the file goes into, made on the way; None where the system has no such handles."""
    if os.open not in os.supports_dir_fd:
        folder.joinpath(*parts).mkdir(mode=0o700, parents=True, exist_ok=True)
        return None
    at = os.open(folder, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=at)
            inner = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = inner
    except BaseException:
        os.close(at)
        raise
    return at


def _write(name: str, at: int | None, data: bytes, target: Path) -> None:
    place = str(target) if at is None else name
    handle = os.open(place, _NEW, 0o600, dir_fd=at)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        # Half a file would look like a whole one, and its name would be taken.
        os.unlink(place, dir_fd=at)
        raise
    if at is not None:
        os.fsync(at)


def _cannot(target: Path, error: OSError) -> CannotSave:
    if error.errno == errno.EEXIST:
        return CannotSave(f"{target}: is there already and is not overwritten; choose another name")
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        return CannotSave(f"{target}: leads over a link or a file; choose another name")
    return CannotSave(f"{target}: cannot be written ({error.strerror}); make room, or make {target.parent} writable")
