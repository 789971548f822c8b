"""What an entry reads from the environment, and what a project's has to declare so that it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codexplus_core import permission_fault

DECLARED = "read_env:"
"""The permission to read a variable begins so."""
# A default after `:-` makes it count unset; `${CLAUDE_PROJECT_DIR}` is there for every server.
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}")
_GIVEN = frozenset({"CLAUDE_PROJECT_DIR"})
# What these start in turn: without it they end at once in the sandbox.
_STARTS: Mapping[str, tuple[str, ...]] = {
    "npx": ("node", "npm", "sh"), "npm": ("node", "sh"), "pnpm": ("node", "sh"), "yarn": ("node", "sh"),
    "bunx": ("bun",), "uvx": ("uv", "python3", "python"), "uv": ("python3", "python"),
    "pipx": ("python3", "python"),
}  # fmt: skip


def read_by(entry: Mapping[str, Any]) -> dict[str, bool]:
    """The variables that an entry reads, each with whether it has to be set."""
    found: dict[str, bool] = {}
    for text in _texts({name: item for name, item in entry.items() if name != "permissions"}):
        for name, default in _VARIABLE.findall(text):
            if name not in _GIVEN:
                found[name] = found.get(name, False) or not default
    return found


def may_be_read(name: str) -> bool:
    """Whether a project's entry can declare a variable; what changes which code programs load is never given."""
    return not permission_fault(f"{DECLARED}{name}")


def permissions_for(entry: Mapping[str, Any], project: Path) -> list[str]:
    """What an entry of a project's file declares so that it counts; empty where it reads no variable.

    Whoever declares anything runs in the sandbox, so a program gets what a server cannot do without: itself, the
    network, the project to read, and the files that its command line names.
    """
    variables = [f"{DECLARED}{name}" for name in read_by(entry) if may_be_read(name)]
    command = str(entry.get("command") or "")
    if not variables or not command:
        return variables
    words = [command, *map(str, entry.get("args") or ())]
    if len(words) == 1:
        words = command.split()
    name = Path(words[0]).name.removesuffix(".exe").removesuffix(".cmd")
    programs = [words[0], *_STARTS.get(name, ())]
    return [*(f"run:{each}" for each in programs), "net", "read_repo", *_files(words[1:], project), *variables]


def _files(args: list[str], project: Path) -> Iterator[str]:
    """The files and folders outside of the project that arguments name."""
    for arg in dict.fromkeys(args):
        path = Path(arg).expanduser()
        if not path.is_absolute() or path.is_relative_to(project) or len(path.parts) < 3 or set(arg) & set("*?["):
            continue
        if path.is_dir():
            yield f"read:{arg.rstrip('/')}/**"
        elif path.is_file():
            yield f"read:{arg}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
