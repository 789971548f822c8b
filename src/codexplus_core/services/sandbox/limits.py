"""Bounds of a run that files and network have nothing to do with: time, memory, processes, file sizes."""

from __future__ import annotations

import math
import os
from pathlib import Path

from .level import Level

DEFAULT_SECONDS = 5.0
MAX_SECONDS = 3600.0
"""The longest time a sandboxed program may ask for."""

PROCESSES = 256
MEMORY_BYTES = 4 << 30
FILE_BYTES = 64 << 20
OPEN_FILES = 1024
UMASK = 0o022


def clamped(timeout: float | None) -> float:
    """Seconds between 0 and `MAX_SECONDS`; what is no time (zero, negative, not a number) is the default."""
    if timeout is None:
        return MAX_SECONDS
    if math.isnan(timeout) or timeout <= 0:
        return DEFAULT_SECONDS
    return min(timeout, MAX_SECONDS)


def process_limits(level: Level, seconds: float | None, processors: int | None = None) -> dict[str, int]:
    """Limits of the kernel for one run; names are those of the RLIMIT constants, in lower case.

    ``processors`` is how many the machine has, looked up unless given.
    """
    found = {
        "core": 0,
        "fsize": FILE_BYTES,
        "nofile": OPEN_FILES,
        # Not the address space: Node and Go reserve far more of it than they use.
        "data": MEMORY_BYTES,
        # Outside a user namespace all processes of the user count, so there it is this many more than there are.
        "nproc": PROCESSES if level == "full" else PROCESSES + _tasks(),
    }
    if seconds is not None:
        found["cpu"] = math.ceil(seconds) * (processors or os.cpu_count() or 1) + 1
    return found


def _tasks() -> int:
    """All threads of the machine, an upper bound of this user's."""
    try:
        return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 4096
