"""What this machine can do, found out by trying: a program that attempts to get out, at each level."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .level import Level

PROBE_SECONDS = 10.0

_ESCAPES: Mapping[str, str] = {
    "network": "a socket could be opened",
    "unix": "a local socket could be opened",
    "read": "a file outside could be read",
    "write": "a file outside could be written",
    "create": "a file outside could be made",
    "metadata": "the mode of a file outside could be changed",
    "signal": "another process could be signalled",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """The strongest level that held, and why not a stronger one: a reason for each level above."""

    level: Level
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.level} ({'; '.join(self.reasons)})" if self.reasons else self.level

    @property
    def fix(self) -> str:
        """What would give a stronger level, empty at the strongest."""
        if self.level == "full":
            return ""
        if sys.platform != "linux":
            return "run the proxy on Linux (WSL 2 on Windows) for programs that need the sandbox"
        if self.level == "lsm":
            return "nothing has to be done; to have namespaces as well, allow unprivileged user namespaces"
        return "use Linux 5.13 or later with Landlock among the security modules (lsm=…,landlock at boot)"


def elsewhere() -> Probe:
    """The answer on systems that have no sandbox of ours."""
    name = {"darwin": "macOS", "win32": "Windows"}.get(sys.platform, sys.platform)
    return Probe("process", (f"lsm: codex-plus has no sandbox on {name} yet",))


def judged(level: Level, output: bytes, left_behind: bool) -> str:
    """What was wrong with the probe of a level, empty where it held."""
    if level == "process":
        return "a daemon outlived its program" if left_behind else ""
    try:
        found = json.loads(output)
    except ValueError:
        return "the probe gave no answer"
    if not found.get("works"):
        return "its own directory could not be written"
    wrong = [words for name, words in _ESCAPES.items() if found.get(name, True)]
    if left_behind:
        wrong.append("a daemon outlived its program")
    return ", ".join(wrong)


def explained(level: Level, error: str, proc: Path = Path("/proc")) -> str:
    """Why a level could not be set up, in the words of the switch that did it where that is known."""
    if level == "full":
        for switch, bad in (
            ("kernel/apparmor_restrict_unprivileged_userns", "1"),
            ("kernel/unprivileged_userns_clone", "0"),
            ("user/max_user_namespaces", "0"),
        ):
            if os.getuid() != 0 and _text(proc / "sys" / switch) == bad:
                return f"user namespaces are blocked: {switch.rpartition('/')[2]}={bad}"
        return f"namespaces cannot be had: {error}"
    if "landlock" in error:
        return f"Landlock cannot be had: {error}"
    return error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
