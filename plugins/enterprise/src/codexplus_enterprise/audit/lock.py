"""A lock on a file that ends with the process, however it ends."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Lock:
    """Held until ``release``, or until the process is gone."""

    handle: int

    def release(self) -> None:
        """Let go."""
        if self.handle >= 0:
            handle, self.handle = self.handle, -1
            os.close(handle)


def lock(path: Path) -> Lock | None:
    """The lock of this name, None where another holds it. Raises OSError where it cannot be made."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return Lock(handle)
