"""The transcripts' files: lines are only ever put behind others, and one that was torn off does not spoil the next."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..paths import private_dir
from .naming import SUFFIX

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
TAIL = 1 << 20
"""Bytes at the end of a file in which an earlier process's marks are looked for."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of all transcripts of one user: 0700, its files 0600."""

    path: Path

    def append(self, stem: str, lines: Iterable[bytes], *, most: int) -> int:
        """Put lines behind a file and bring them to the disk; return how many bytes.

        Raises OSError where the disk does not take them (ENOSPC, too, where the file would have more than ``most``
        bytes) and Problem where the folder is not ours alone. What was written in part is made a line of its own.
        """
        data = b"".join(lines)
        private_dir(self.path, within=self.path.parent)
        target = self.path / f"{stem}{SUFFIX}"
        fresh = not target.exists()
        handle = os.open(target, _FLAGS, 0o600)
        try:
            found = os.fstat(handle)
            _ours(found)
            if hasattr(os, "fchmod") and found.st_mode & 0o077:
                os.fchmod(handle, 0o600)
            if found.st_size + len(data) > most:
                raise OSError(errno.ENOSPC, f"the transcript would have more than {most} bytes")
            if found.st_size and _last_byte(handle, found.st_size) != b"\n":
                data = b"\n" + data
            _write(handle, data)
            _sync(handle)
        finally:
            os.close(handle)
        if fresh:
            self._sync_names()
        return len(data)

    def tail(self, stem: str) -> bytes:
        """The end of a file, from the beginning of a line; nothing where there is none or it cannot be read."""
        try:
            with self._reading(stem) as handle:
                size = os.fstat(handle).st_size
                os.lseek(handle, max(0, size - TAIL), os.SEEK_SET)
                data = b"".join(_chunks(handle, TAIL))
        except OSError:
            return b""
        return data if size <= TAIL else data.partition(b"\n")[2]

    def whole(self, stem: str) -> bytes:
        """All of a file. Raises OSError."""
        with self._reading(stem) as handle:
            return b"".join(_chunks(handle, os.fstat(handle).st_size))

    @contextlib.contextmanager
    def _reading(self, stem: str) -> Iterator[int]:
        flags = (_FLAGS & ~(os.O_RDWR | os.O_APPEND | os.O_CREAT)) | os.O_RDONLY
        handle = os.open(self.path / f"{stem}{SUFFIX}", flags)
        try:
            _ours(os.fstat(handle))
            yield handle
        finally:
            os.close(handle)

    def _sync_names(self) -> None:
        if os.name != "posix":
            return
        handle = os.open(self.path, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some file systems cannot
                os.fsync(handle)
        finally:
            os.close(handle)


def _ours(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise PermissionError(errno.EPERM, "it is no regular file of yours")


def _last_byte(handle: int, size: int) -> bytes:
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1)


def _write(handle: int, data: bytes) -> None:
    # In one call where the system takes it, so that another proxy's line never stands within ours.
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync(handle: int) -> None:
    getattr(os, "fdatasync", os.fsync)(handle)


def _chunks(handle: int, most: int) -> Iterator[bytes]:
    while most > 0 and (data := os.read(handle, min(most, 1 << 20))):
        most -= len(data)
        yield data
