"""Files that answer in the place of a built-in: in Claude Code's profile, as Claude Code lets its own be replaced."""

from __future__ import annotations

from .command_file import CommandFile

REACHED_BY_PLUS = frozenset(("config", "help", "hooks", "init", "mcp", "save", "status", "usage", "version"))
"""Names that may be a file's: what answers otherwise is reached as ``/plus NAME`` all the same."""

_NOT_CLAUDES = (".codexplus", ".codex")


def replaces(name: str, file: object) -> bool:
    """Whether ``file``, found by this name in Claude Code's profile, is one that Claude Code would take it from."""
    return (
        isinstance(file, CommandFile)
        and name in REACHED_BY_PLUS
        and file.kind in ("markdown", "skill")
        and file.root.parent.name not in _NOT_CLAUDES
    )
