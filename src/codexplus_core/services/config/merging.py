"""Layers become one: for each key the value that counts, where it stands, and what it hides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .origin import Notice, Origin, Value, dotted
from .schema import SANDBOX_LEVELS, Schema
from .sheet import Leaf, Tree

Path = tuple[str, ...]


class Merger:
    """Puts the trees of several files together, highest first.

    Objects merge key by key and lists are joined; of anything else the highest counts, unless the schema says
    otherwise. Joining is associative: what is put together in between changes nothing. ``narrowed`` tells of entries
    of an allow list that a project would have added.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.narrowed: list[Notice] = []

    def merge(self, trees: Sequence[Tree]) -> dict[str, Value]:
        """The top-level keys of all trees together."""
        return self._children(trees, ())

    def _children(self, trees: Sequence[Tree], path: Path) -> dict[str, Value]:
        names = dict.fromkeys(name for tree in trees for name in tree)
        return {name: self._node([tree[name] for tree in trees if name in tree], (*path, name)) for name in names}

    def _node(self, nodes: Sequence[Tree | Leaf], path: Path) -> Value:
        sections = [node for node in nodes if isinstance(node, dict)]
        leaves = [node for node in nodes if isinstance(node, Leaf)]
        if sections and nodes[0] is sections[0]:
            return self._object(sections, path)
        key = self._schema.find(path)
        kind = key.merge if key is not None else "first"
        if kind == "any":
            return _winner(leaves, path, next((leaf for leaf in leaves if leaf.value is True), leaves[0]))
        if kind == "strictest":
            # max takes the first of equals, so the highest layer is the one that is named.
            return _winner(leaves, path, max(leaves, key=lambda leaf: SANDBOX_LEVELS.index(leaf.value)))
        if kind == "restrict":
            return self._restricted(leaves, path)
        generic = key is None or key.name.endswith("**")
        if kind == "add" or (generic and leaves[0].items is not None):
            return _added([leaf for leaf in leaves if leaf.items is not None], path)
        return _winner(leaves, path, leaves[0])

    def _object(self, sections: Sequence[Tree], path: Path) -> Value:
        children = self._children(sections, path)
        parts = tuple(children.values())
        return Value(
            dotted(path),
            {name: child.value for name, child in children.items()},
            parts[0].origin if parts else Origin("command line"),
            parts=parts,
            written={name: child.written for name, child in children.items()},
        )

    def _restricted(self, leaves: Sequence[Leaf], path: Path) -> Value:
        """What every list allows. Each entry is held against all lists at once, so their order does not matter."""
        if len(leaves) == 1:
            return _list_value(path, list(leaves[0].items or ()), leaves[0], ())
        kept: dict[str, Leaf] = {}
        for leaf in leaves:
            others = [other for other in leaves if other is not leaf]
            for item in leaf.items or ():
                closed = [other for other in others if not _allows(other, item.value)]
                if not closed:
                    kept.setdefault(_same(item.value), item)
                elif not leaf.origin.trusted:
                    why = f"is not in the list of {closed[0].origin}, which a project can only narrow"
                    self.narrowed.append(Notice(item.origin, dotted(path), why))
        items = list(kept.values())
        # The list that is as it came out won; where none is, the highest is the one to look at first.
        result = {_same(item.value) for item in items}
        won = next((leaf for leaf in leaves if {_same(one.value) for one in leaf.items or ()} == result), leaves[0])
        return _list_value(path, items, won, tuple(leaf for leaf in leaves if leaf is not won))


def covers(entry: Any, other: Any) -> bool:
    """Whether an entry of an allow list lets ``other`` pass; ``*`` in it stands for any text."""
    if not isinstance(entry, str) or not isinstance(other, str):
        return _same(entry) == _same(other)
    if "*" not in entry:
        return entry == other
    # Piece by piece and never back: a regular expression could be made to take for ever.
    first, *middle, last = entry.split("*")
    if len(other) < len(first) + len(last) or not other.startswith(first) or not other.endswith(last):
        return False
    at, end = len(first), len(other) - len(last)
    for piece in middle:
        found = other.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _allows(leaf: Leaf, value: Any) -> bool:
    return any(covers(item.value, value) for item in leaf.items or ())


def _winner(leaves: Sequence[Leaf], path: Path, won: Leaf) -> Value:
    hidden = tuple(_of(leaf, path) for leaf in leaves if leaf is not won)
    made = _of(won, path)
    return Value(made.key, made.value, made.origin, hidden, made.parts, made.written, made.reads)


def _added(leaves: Sequence[Leaf], path: Path) -> Value:
    kept: dict[str, Leaf] = {}
    again: dict[str, list[Leaf]] = {}
    for item in (item for leaf in leaves for item in leaf.items or ()):
        same = _entry(item)
        if same in kept:
            # The same words from a repository must not make the user's own entry look like the repository's.
            before = kept[same]
            better = item.origin.trusted and not before.origin.trusted
            kept[same] = item if better else before
            again.setdefault(same, []).append(before if better else item)
        else:
            kept[same] = item
    return _list_value(path, list(kept.values()), leaves[0], (), again)


def _list_value(
    path: Path, items: list[Leaf], won: Leaf, hidden: tuple[Leaf, ...], again: dict[str, list[Leaf]] | None = None
) -> Value:
    parts = tuple(
        Value(
            dotted((*path, number)), item.value, item.origin,
            tuple(_of(other, (*path, number)) for other in (again or {}).get(_entry(item), ())),
            written=item.written, reads=item.reads,
        )
        for number, item in enumerate(items)
    )  # fmt: skip
    reads = tuple(dict.fromkeys(name for item in items for name in item.reads))
    return Value(
        dotted(path), [item.value for item in items], won.origin, tuple(_of(leaf, path) for leaf in hidden), parts,
        [item.written for item in items], reads,
    )  # fmt: skip


def _of(leaf: Leaf, path: tuple[str | int, ...]) -> Value:
    return Value(dotted(path), leaf.value, leaf.origin, written=leaf.written, reads=leaf.reads)


def _entry(item: Leaf) -> str:
    """What makes two entries of a list the same one."""
    same = _same(item.value)
    # A rule about /x means another file in every place that it stands in, so each stays.
    return f"{same} {item.origin.root}" if isinstance(item.value, str) and "(/" in item.value else same


def _same(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
