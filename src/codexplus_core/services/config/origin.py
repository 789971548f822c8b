"""Where a setting comes from: layer, file and line; and what is said about settings that do not count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Layer = Literal["enterprise", "command line", "local", "project", "user"]
LAYERS: tuple[Layer, ...] = ("enterprise", "command line", "local", "project", "user")
"""Highest first."""

KeyPath = tuple[str | int, ...]


def dotted(path: Iterable[str | int]) -> str:
    """A key as people write it: ``hooks.Stop[0].timeout``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands.

    ``file`` is None for the command line, ``line`` counts from 1 and is None where it is not known. ``root`` is what a
    path rule that begins with ``/`` is relative to. ``trusted`` is False for what a repository, or another user of the
    machine, could have written: such a value may only ask or tighten.
    """

    layer: Layer
    file: Path | None = None
    line: int | None = None
    root: Path | None = None
    trusted: bool = True

    def __str__(self) -> str:
        if self.file is None:
            return self.layer
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True, slots=True)
class Value:
    """A setting that counts, and why.

    ``origin`` is where the value stands that won. ``overrides`` are the values that it hides, highest first. ``parts``
    are the members of what was put together (the items of a list that adds up, the keys of an object), each with its
    own origin. ``written`` is the value as it stands in the file, before ``${VAR}`` was replaced, and ``reads`` are the
    environment variables that went into it: show ``written``, use ``value``.
    """

    key: str
    value: Any
    origin: Origin
    overrides: tuple[Value, ...] = ()
    parts: tuple[Value, ...] = ()
    written: Any = None
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something in the settings that does not count as written: where, what, and what to do about it."""

    origin: Origin
    key: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        where = f"{self.origin}: {self.key}" if self.key else str(self.origin)
        return f"{where}: {self.what}; {self.todo}" if self.todo else f"{where}: {self.what}"
