"""How strongly a program is held, and the refusal where that is not strong enough."""

from __future__ import annotations

from typing import Literal

from ..run import CannotStart

Level = Literal["process", "lsm", "full"]
"""``process``: a group of its own, bounded in time, memory and output, its environment scrubbed, no remains.
``lsm``: that, and Landlock and seccomp: only granted files, no network. ``full``: that, and namespaces: it sees no
other process, all but what it may write is read-only, and denied files are hidden."""

LEVELS: tuple[Level, ...] = ("process", "lsm", "full")
"""From the weakest to the strongest."""


class SandboxRefused(CannotStart):
    """The program would not be held as strongly as it must be; it was not started."""


def is_enough(level: Level, minimum: Level) -> bool:
    """Whether ``level`` is as strong as ``minimum``."""
    return LEVELS.index(level) >= LEVELS.index(minimum)
