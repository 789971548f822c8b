"""Declared permissions, and what they allow a program to read, change, run and reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path, PurePosixPath

from ..run import CannotStart
from .denied import Rules
from .environment import is_loader

PROTECTED = (".git", ".claude", ".codex", ".codexplus", ".mcp.json", ".vscode", ".idea", ".envrc")
"""Names in a project that no sandboxed program may change or create: what they hold is run or believed by others."""

_ALONE = ("read_repo", "write_repo", "net")
_WITH_NAME = ("run", "read", "write", "read_env")
# What means something to one kind of contribution only: a hook that has it never hands it to the sandbox.
_KNOWN = "run:PROGRAM, read_repo, read:GLOB, write:GLOB, write_repo, read_env:NAME, net, or in a hook notify"


class BadPermission(CannotStart):
    """A declared permission that means nothing, or more than may be declared."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What a program may do beyond the least: reading the system's programs and using a private HOME and TMPDIR.

    ``read`` and ``write`` are patterns: absolute, below ``~``, or relative to ``project`` (``*``, ``?``, ``[…]`` within
    a name, ``**`` for any directories; a directory means all below it). ``run`` are the programs it may start, ``"*"``
    all of the system's; ``environment`` the variables it may see. ``masked`` are absolute paths that stay hidden
    whatever else is granted, and so does what the rules in ``unreadable`` deny; what those in ``unwritable`` deny is
    not changed.
    """

    project: Path | None = None
    home: Path = Path("/")
    run: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    read_repo: bool = False
    write_repo: bool = False
    environment: tuple[str, ...] = ()
    net: bool = False
    masked: tuple[Path, ...] = ()
    unreadable: Rules | None = None
    unwritable: Rules | None = None

    @property
    def may_take_long(self) -> bool:
        """Whether it may take more than a moment to find what they name, however small the project is."""
        return bool(self.write or self.write_repo or any(map(has_magic, self.read)))

    def hiding(self, paths: Iterable[Path]) -> Grants:
        """The same with more paths masked."""
        return replace(self, masked=(*self.masked, *paths))


def grants_for(permissions: Sequence[str], project: Path | None, home: Path) -> Grants:
    """What declared permissions grant in ``project`` for the user of ``home``. Raises BadPermission."""
    named: dict[str, list[str]] = {kind: [] for kind in _WITH_NAME}
    alone = set()
    for text in permissions:
        kind, colon, value = text.partition(":")
        if not colon and kind in _ALONE:
            alone.add(kind)
        elif colon and kind in _WITH_NAME and value.strip():
            named[kind].append(_checked(text, kind, value.strip(), project))
        else:
            raise BadPermission(f"permission {text!r}: not known; use {_KNOWN}")
    if project is None and alone & {"read_repo", "write_repo"}:
        raise BadPermission("permission read_repo or write_repo: there is no project here; leave it out")
    return Grants(
        project=project,
        home=home,
        run=tuple(named["run"]),
        read=tuple(named["read"]),
        write=tuple(named["write"]),
        read_repo=bool(alone & {"read_repo", "write_repo"}),
        write_repo="write_repo" in alone,
        environment=tuple(named["read_env"]),
        net="net" in alone,
    )


def permission_fault(permission: str) -> str:
    """Why the sandbox takes no such declared permission, ``""`` where it does; it is read as in a project."""
    try:
        grants_for((permission,), Path("/"), Path("/"))
    except BadPermission as fault:
        return str(fault)
    return ""


def _checked(text: str, kind: str, value: str, project: Path | None) -> str:
    if "\0" in value or "\n" in value:
        raise BadPermission(f"permission {text!r}: holds a line break or a null character; remove it")
    if kind == "read_env":
        if is_loader(value):
            raise BadPermission(f"permission {text!r}: such a variable changes what programs load or run; leave it out")
        return value
    if kind == "run":
        return value
    return _checked_pattern(text, kind, value, project)


def _checked_pattern(text: str, kind: str, value: str, project: Path | None) -> str:
    pattern = PurePosixPath(value[2:] if value.startswith("~/") else value)
    parts = [part for part in pattern.parts if part != "/"]
    if ".." in parts or (value.startswith("~") and not value.startswith("~/")):
        raise BadPermission(f"permission {text!r}: '..' and '~user' are not understood; write the path out")
    if project is None and not value.startswith(("/", "~/")):
        raise BadPermission(f"permission {text!r}: there is no project here; give an absolute path")
    everything = not parts or parts[0] == "**"
    if everything and value.startswith(("/", "~/")):
        raise BadPermission(f"permission {text!r}: is the whole disk or home; name the directories that are needed")
    if kind == "write":
        protected = next((part for part in parts if is_protected(part)), None)
        if protected is not None:
            raise BadPermission(f"permission {text!r}: {protected} may never be written by a sandboxed program")
    return value


def is_protected(name: str) -> bool:
    """Whether no sandboxed program may change what has this name; upper and lower case are one, as on some disks."""
    return name.casefold() in PROTECTED
