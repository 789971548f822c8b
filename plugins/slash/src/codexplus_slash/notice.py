"""Where a command comes from, told before its first run: one line in front of the model's answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Core, short_path

from .command_file import CommandFile
from .spoken import spoken
from .surroundings import Surroundings, is_passed_over

BEGINNING = "response.created"
"""The event behind which the line goes out."""

_NAMED = 5
_WHOSE = {"project": "of the project", "user": "your own", "plugin": "of a plugin"}


@dataclass(frozen=True, slots=True)
class Notice:
    """What to show, and under which keys it is remembered that it was."""

    keys: tuple[str, ...]
    text: str


class Notices:
    """Knows which command files the user has been told of: each state of a file once in each project."""

    def __init__(self, core: Core) -> None:
        self._store = core.store
        self._home = Path.home()

    def due(self, command: CommandFile, where: Surroundings) -> Notice | None:
        """What the user has to be told, None where that was done before."""
        whose = _WHOSE[command.scope]
        if command.pack is not None:
            whose = f"of the signed pack {command.pack.pack} {command.pack.version}"
        shown = short_path(command.path, where.cwd, self._home)
        text = (
            f"`/{_plain(command.name)}` is `{_plain(shown)}`, {whose}"
            f" (sha256 `{command.digest[:12]}`…). This is shown once, until the file changes."
        )
        return self._once("told", text, command, where)

    def passed_over(self, command: CommandFile, where: Surroundings) -> Notice | None:
        """That the model which a command names is not asked, None where it is, or where that was said before."""
        if where.strict or not is_passed_over(command.model, where):
            return None
        model = _plain(command.model[:60])
        text = (
            f"`/{_plain(command.name)}` asks for the model `{model}`, a name of Claude Code's; the session's own"
            " answers. `slash.models` in your settings says which model is meant."
        )
        return self._once("model", text, command, where)

    def told(self, notice: Notice) -> None:
        """It is on its way to the user."""
        for key in notice.keys:
            self._store.set(key, True)

    def _once(self, kind: str, text: str, command: CommandFile, where: Surroundings) -> Notice | None:
        place = "" if command.scope == "user" else str(where.cwd)
        known = f"{command.digest} {command.path} {place}".encode("utf-8", "surrogateescape")
        key = f"{kind} {hashlib.sha256(known).hexdigest()[:32]}"
        if self._store.get(key):
            return None
        return Notice((key,), spoken(text).strip() if where.wish.local else text)


def not_attached(missed: Sequence[str], where: Surroundings) -> Notice | None:
    """Which mentioned files the model has not got, each time: the answer may be about what is not there."""
    if not missed:
        return None
    lines = [_plain(each[:300]) for each in missed[:_NAMED]]
    if len(missed) > _NAMED:
        lines.append(f"… and {len(missed) - _NAMED} more files are not attached.")
    text = "\n".join(lines)
    return Notice((), spoken(text).strip() if where.wish.local else text)


def together(notices: Iterable[Notice | None]) -> Notice | None:
    """Several notices as one, None for none."""
    found = [notice for notice in notices if notice is not None]
    keys = tuple(key for notice in found for key in notice.keys)
    return Notice(keys, "\n\n".join(notice.text for notice in found)) if found else None


def _plain(path: str) -> str:
    return "".join(char if char.isprintable() and char != "`" else "\ufffd" for char in path)
