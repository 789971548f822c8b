"""A lock between processes, on a file."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from codexplus_core import Problem

WAIT_S = 90.0
"""Longer than a request of its holder may take."""
_POLL_S = 0.05
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@asynccontextmanager
async def locked(path: Path, *, wait: float = WAIT_S) -> AsyncIterator[None]:
    """Hold the lock ``path`` (0600, made if need be; stays there). It falls with the process.

    Raises Problem after ``wait`` seconds, and where the file is not ours or its file system has no locks.
    """
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise Problem(f"{path}: cannot be used as a lock ({error.strerror}); remove it") from None
    try:
        _check(path, descriptor)
        end = time.monotonic() + wait
        while not _try(path, descriptor):
            if time.monotonic() > end:
                raise Problem(f"{path}: another codex-plus holds this lock for {wait:g} s; end it, or try again later")
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _check(path: Path, descriptor: int) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or (sys.platform != "win32" and found.st_uid != os.getuid()):
        raise Problem(f"{path}: is no file of yours; remove it")


def _try(path: Path, descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
            return False
        raise Problem(
            f"{path}: its file system has no locks ({error.strerror}); set CODEX_PLUS_HOME to a local directory"
        ) from None
    return True
