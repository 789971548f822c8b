"""The transcripts' files as they are read: regular files of the user's own, and no link is followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .naming import SUFFIX

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""How one is opened to put lines behind it."""
TAIL = 1 << 20
"""Bytes at the end of a file in which an earlier process's marks are looked for."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of all transcripts of one user."""

    path: Path

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
        flags = (FLAGS & ~(os.O_RDWR | os.O_APPEND | os.O_CREAT)) | os.O_RDONLY
        handle = os.open(self.path / f"{stem}{SUFFIX}", flags)
        try:
            ours(os.fstat(handle))
            yield handle
        finally:
            os.close(handle)


def ours(found: os.stat_result) -> None:
    """Raise PermissionError for what is no regular file of this user's."""
    if not stat.S_ISREG(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise PermissionError(errno.EPERM, "it is no regular file of yours")


def _chunks(handle: int, most: int) -> Iterator[bytes]:
    while most > 0 and (data := os.read(handle, min(most, 1 << 20))):
        most -= len(data)
        yield data
