"""What is left of one settings file: its values in a tree, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .origin import Notice, Origin
from .schema import Schema


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that counts: as it is used, and as it is ``written`` in the file."""

    value: Any
    written: Any
    origin: Origin
    reads: tuple[str, ...] = ()
    items: tuple[Leaf, ...] | None = None


Tree = dict[str, "Tree | Leaf"]


def leaf_at(tree: Tree, name: str) -> Leaf | None:
    """The leaf of a dotted name, None where there is none."""
    found: Tree | Leaf | None = tree
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, Leaf) else None


def joined(first: Leaf, second: Leaf) -> Leaf:
    """One list of two."""
    items = (*(first.items or ()), *(second.items or ()))
    return Leaf([item.value for item in items], [item.written for item in items], first.origin, items=items)


@dataclass(slots=True)
class Sheet:
    """What is left of one file; ``faulty`` says that something in it is not what its key takes.

    ``withheld`` are the rules by which a project would allow itself something; they count for nothing by themselves.
    ``unusable`` are entries that do not count as they are written, each with its path; a warning says why.
    """

    origin: Origin
    faulty: bool = False
    tree: Tree = field(default_factory=dict)
    warnings: list[Notice] = field(default_factory=list)
    ignored: list[Notice] = field(default_factory=list)
    withheld: list[Leaf] = field(default_factory=list)
    unusable: list[tuple[tuple[str, ...], Leaf]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Means:
    """What values are judged with: the schema, and the variables that ``${VAR}`` may name."""

    schema: Schema
    env: Mapping[str, str]
    always: Mapping[str, str] = field(default_factory=dict)
    literal: bool = False
