"""Finding out which level holds on this machine, by sending the launcher a program that attempts to get out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..output import OUTPUT_LIMIT
from . import probe as probing
from .launcher.kernel import numbers
from .launcher.order import Order
from .launching import LauncherLost, Launching
from .level import Level
from .limits import UMASK, process_limits
from .probe import Probe
from .running import Running


def has_launcher() -> bool:
    """Whether the launcher knows this processor."""
    return numbers() is not None


async def probed(levels: Sequence[Level], launching: Launching, landlock_abi: int = 0) -> tuple[Probe, bool]:
    """The strongest of these levels that holds, and whether the same would be found again."""
    if sys.platform != "linux":
        return probing.elsewhere(), True
    if not has_launcher():
        return Probe("process", ("lsm: there is no system call filter for this processor",)), True
    reasons: list[str] = []
    is_certain = True
    for level in reversed(levels):
        try:
            wrong = await _try_level(level, launching, landlock_abi)
        except LauncherLost as lost:
            launching.abandon(launching.base)
            wrong, is_certain = f"the launcher cannot be used: {lost}", False
        if not wrong:
            return Probe(level, tuple(reasons)), is_certain
        reasons.append(f"{level}: {wrong}")
    return Probe("process", tuple(reasons)), is_certain


async def _try_level(level: Level, launching: Launching, landlock_abi: int) -> str:
    scratch = launching.scratch()
    base = Path(scratch).parent
    canary, outside = base / "canary", base / f"outside-{level}"
    canary.write_bytes(b"secret")
    order: Order = {
        "path": "", "argv": [], "env": {}, "cwd": "/", "level": level, "system": [], "rules": [("write", scratch)],
        "masks": [], "writable": [], "frozen": [], "network": False, "umask": UMASK,
        "limits": process_limits(level, probing.PROBE_SECONDS), "base": str(base), "scratch": scratch,
        "lease": None, "probe": [str(canary), str(os.getpid()), str(outside)],
        "landlock_abi": landlock_abi,
    }  # fmt: skip
    running = Running(launching, b"", OUTPUT_LIMIT)
    try:
        ended = await running.run(order, probing.PROBE_SECONDS)
    finally:
        canary.unlink(missing_ok=True)
        outside.unlink(missing_ok=True)
    report = ended.report
    if report is None:
        return "the probe did not end"
    if report["stage"] != "ended":
        return probing.explained(level, report["error"])
    return probing.judged(level, running.stdout.value(), not running.drained)
