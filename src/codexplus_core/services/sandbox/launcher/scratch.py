"""The private directory of a run: an empty home and a place for temporary files."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def make(path: str) -> None:
    """Create it with both parts. Raises OSError."""
    for name in (path, f"{path}/home", f"{path}/tmp"):
        os.mkdir(name, 0o700)  # noqa: PTH102 - every run waits for this, and Path takes longer than the kernel


def remove(path: str) -> None:
    """Remove it with all that a program left in it, as far as that goes."""
    # Something very deep or very odd is left for the system's own cleaning of temporary files.
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(path, onerror=_open_up)


def remove_empty(path: str) -> None:
    """Remove the directory of a launcher that is no more, if this was the last run in it."""
    with contextlib.suppress(OSError):
        Path(path).rmdir()


def _open_up(_failed: Callable[..., object], name: str, _error: object) -> None:
    """Something without permissions: give them back and take it again; all who could interfere are dead."""
    path = Path(name)
    try:
        path.parent.chmod(0o700)
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        path.chmod(0o700)
    except OSError:
        return
    shutil.rmtree(path, ignore_errors=True)
