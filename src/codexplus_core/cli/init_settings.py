"""What `init` finds in `.claude` and `.codex`, and its offer to copy from one to the other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..services.migration import Copy, carry_out, copies, count
from ..services.paths import codex_home


def folders(env: Mapping[str, str], cwd: Path) -> list[tuple[str, Path, Path]]:
    """Whose (``yours``, ``this project's``) `.claude` and `.codex` there are to look at."""
    home = Path(env.get("HOME") or Path.home())
    claude = env.get("CLAUDE_CONFIG_DIR")
    own = ("yours", Path(claude) if claude else home / ".claude", codex_home(env))
    # In the home directory there is no project: its folders are the user's.
    if os.path.realpath(cwd) == os.path.realpath(home):
        return [own]
    return [own, ("this project's", cwd / ".claude", cwd / ".codex")]


def found(env: Mapping[str, str], cwd: Path) -> list[str]:
    """A line for each folder with settings or commands in it."""
    lines = []
    for whose, *both in folders(env, cwd):
        for folder in both:
            settings, commands = count(folder)
            if settings or commands:
                lines.append(
                    f"  {folder}: {_number(settings, 'settings file')}, {_number(commands, 'command')} ({whose})"
                )
    return lines


def movable(env: Mapping[str, str], cwd: Path) -> list[Copy]:
    """What could be copied from `.codex` to `.claude`."""
    return [copy for _, claude, codex in folders(env, cwd) for copy in copies(codex, claude)]


def announce(planned: list[Copy], *, chosen: bool) -> None:
    """Say what will be copied, or could be."""
    print("This will copy:" if chosen else "Could be copied to .claude, where it is looked for first (init --migrate):")
    for copy in planned[:20]:
        print(f"  {copy.source} -> {copy.target}")
    if len(planned) > 20:
        print(f"  and {len(planned) - 20} more")


def migrate(planned: list[Copy]) -> None:
    """Copy, and say so."""
    done = carry_out(planned)
    print(f"{_number(len(done), 'file')} copied to .claude; what is in .codex stays as it is.")


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
