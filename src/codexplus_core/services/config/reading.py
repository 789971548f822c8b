"""Opening a settings file: regular, bounded, and for a project's without leaving the project on the way."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_BELOW = os.open in os.supports_dir_fd

Identity = tuple[int, ...] | None
"""What tells one state of a file from another; None for a file that is not there."""


class Refused(Exception):
    """A file that is there and is not read; the message says why, ``todo`` what to do."""

    def __init__(self, message: str, todo: str) -> None:
        super().__init__(message)
        self.todo = todo


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, at most ``limit`` of them; ``whole`` is False where there are more."""

    data: bytes
    whole: bool


def identity(path: Path) -> Identity:
    """The state of the file that ``path`` leads to, for a look whether it has changed."""
    try:
        found = path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, None):
            return None
        # A link in a circle, a folder that may not be looked into: there is something, and reading will say what.
        return (error.errno or 0,)
    except ValueError:
        return None
    return (
        found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode, found.st_uid,
    )  # fmt: skip


def rights(folder: Path) -> Identity:
    """Who owns a folder and who may write to it; its times change with every file that comes and goes."""
    try:
        found = folder.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino, found.st_mode, found.st_uid)


def read_followed(path: Path, limit: int) -> Content | None:
    """A file of the user's own, None where there is none; links are followed. Raises Refused."""
    try:
        return _content(os.open(path, _FLAGS), limit)
    except OSError as error:
        _refuse_unless_missing(error)
    return None


def read_below(path: Path, root: Path, limit: int) -> Content | None:
    """A file that lies in ``root`` for certain, None where there is none. Raises Refused.

    A link may lead to another place in ``root``. The way that it turned out to be is then walked without following any
    link, so what is swapped in between is not followed either.
    """
    try:
        top, target = root.resolve(strict=True), path.resolve()
    except (OSError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError):
            return None
        raise Refused("is a link that leads nowhere", "remove the link") from None
    if not target.is_relative_to(top):
        raise Refused("leads out of the project", "put the file itself there, or remove the link")
    parts = target.relative_to(top).parts
    if not parts:
        raise Refused("is no regular file", "remove it")
    try:
        if not _BELOW:
            return _content(os.open(target, _FLAGS), limit)
        folder = os.open(top, _FLAGS | _DIRECTORY)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _FLAGS | _DIRECTORY | _NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            return _content(os.open(parts[-1], _FLAGS | _NOFOLLOW, dir_fd=folder), limit)
        finally:
            os.close(folder)
    except OSError as error:
        _refuse_unless_missing(error)
    return None


def _content(descriptor: int, limit: int) -> Content:
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused("is no regular file", "remove it")
        data = file.read(limit + 1)
    return Content(data[:limit], whole=len(data) <= limit)


def _refuse_unless_missing(error: OSError) -> None:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return
    if error.errno in (errno.ELOOP, errno.EMLINK):
        raise Refused("is a link that is not followed", "put the file itself there") from None
    if error.errno in (errno.ENXIO, errno.EISDIR):
        raise Refused("is no regular file", "remove it") from None
    raise Refused(f"cannot be read ({error.strerror})", "make it readable for you") from None


def strangers(path: Path) -> str:
    """Why somebody else could have written what lies at ``path``, ``""`` if nobody could.

    Root could anyway. Windows has other means for the same; its home directories are closed to others by default.
    """
    if not hasattr(os, "getuid"):
        return ""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ""
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        return ""
    if found.st_uid not in (os.getuid(), 0):
        return f"belongs to user {found.st_uid}"
    if stat.S_IMODE(found.st_mode) & 0o022:
        return f"can be written by other users (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""
