"""The files that `mcp add` and `mcp remove` write: one entry more or less, the rest as it was."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import Problem, private_dir, write_atomic

from .settings import SHARED

WORDS = {
    "local": "Local config (private to you in this project)",
    "project": "Project config (shared via .mcp.json)",
    "user": "User config (available in all your projects)",
    "enterprise": "Enterprise config (managed by your organization)",
    "plugin": "Signed pack (codex-plus pack)",
}
"""What a scope is called."""

_LIMIT = 1 << 20
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one scope: ``project`` is the directory for `local` and `project`, ``file`` where they stand."""

    scope: str
    file: Path
    project: Path | None = None

    @property
    def place(self) -> str:
        """The file, as messages name it."""
        return f"{self.file} [project: {self.project}]" if self.scope == "local" else str(self.file)

    def all(self) -> dict[str, Any]:
        """The entries by name. Raises Problem for a file that cannot be relied on."""
        return dict(self._servers(self._read()))

    def add(self, name: str, entry: Mapping[str, Any]) -> None:
        """Write one entry more. Raises Problem where there is one of that name, and where it cannot be written."""
        document = self._read()
        servers = self._servers(document)
        if name in servers:
            raise Problem(f"MCP server {name} already exists in {where(self)}")
        servers[name] = dict(entry)
        self._write(document)

    def remove(self, name: str) -> None:
        """Take one out. Raises Problem where there is none of that name, and where the file cannot be written."""
        document = self._read()
        servers = self._servers(document)
        if servers.pop(name, None) is None:
            raise Problem(f'No MCP server named "{name}" in {where(self)}')
        self._write(document)

    def _servers(self, document: dict[str, Any]) -> dict[str, Any]:
        holder = document
        if self.scope == "local":
            holder = _object(_object(document, "projects", self.file), str(self.project), self.file)
        return _object(holder, "mcpServers", self.file)

    def _read(self) -> dict[str, Any]:
        data = _bytes_of(self.file)
        if data is None:
            return {}
        try:
            document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise Problem(f"{self.file}: is not valid JSON ({error}); correct it first") from None
        if not isinstance(document, dict):
            raise Problem(f"{self.file}: expected an object; correct it first")
        return document

    def _write(self, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if self.scope == "project":
            # What a project shares is as open as it was; what the user keeps for himself may hold keys.
            write_atomic(self.file, text.encode(), mode=_mode(self.file))
            return
        private_dir(self.file.parent)
        write_atomic(self.file, text.encode())


def entries_of(scope: str, project: Path, own: Path, home: Path) -> Entries:
    """The entries of a scope: ``own`` is the user's own file.

    Raises Problem for the scopes of a project in the home directory, where there is none.
    """
    if scope == "user":
        return Entries(scope, own)
    root = Path(os.path.realpath(project))
    if root == Path(os.path.realpath(home)):
        raise Problem(f"{root}: is your home directory, no project; use --scope user, or go to the project")
    return Entries("project", root / SHARED) if scope == "project" else Entries("local", own, root)


def where(entries: Entries) -> str:
    """The scope in a sentence."""
    return SHARED if entries.scope == "project" else f"{entries.scope} config"


def _object(holder: dict[str, Any], name: str, file: Path) -> dict[str, Any]:
    value = holder.setdefault(name, {})
    if not isinstance(value, dict):
        raise Problem(f"{file}: {name}: expected an object; correct it first")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Writing it back would drop one of them.
        raise ValueError("a key stands twice")
    return found


def _bytes_of(file: Path) -> bytes | None:
    try:
        handle = os.open(file, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Problem(f"{file}: cannot be read ({error.strerror}); it must be a file of yours and no link") from error
    with os.fdopen(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise Problem(f"{file}: is no regular file; remove it")
        data = opened.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise Problem(f"{file}: larger than 1 MiB; make it smaller")
    return data


def _mode(file: Path) -> int:
    try:
        return stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        return 0o644
