"""The settings of one project, or of the user alone: what counts, where it stands, and what it hides."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .origin import Layer, Notice, Value
from .schema import Key, Schema
from .steps import names, splits, steps

REMEMBERED = 256
"""Keys whose value a view remembers."""


@dataclass(frozen=True, slots=True)
class File:
    """A settings file that is there: ``state`` is ``read``, ``broken``, ``refused`` or ``kept`` (see ``Document``)."""

    path: Path
    layer: Layer
    state: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """All about one key: its value (None where nothing sets it), what was ignored and wrong there, what it takes."""

    key: str
    value: Value | None
    ignored: tuple[Notice, ...] = ()
    warnings: tuple[Notice, ...] = ()
    known: Key | None = None


class Settings:
    """A view of all layers at one moment; it never changes, a newer one has another ``generation``.

    Keys are dotted (``permissions.deny``, ``mcpServers.github``); items of lists are counted from 0 (``…deny[0]``).
    ``project`` is the directory that the project's layers were read from, None for the user's alone. ``warnings`` are
    about what cannot be used as it is written, ``ignored`` about what is not that file's to say, ``remarks`` about what
    is in order and may still surprise. ``withheld`` are the project's ``permissions.allow``, each rule by itself, which
    count only where the user has reviewed them. ``unusable`` are entries that somebody named (``mcpServers.NAME``) and
    that cannot be used as they are written; ``warnings`` say why.
    """

    def __init__(
        self,
        values: Mapping[str, Value],
        *,
        schema: Schema,
        project: Path | None = None,
        warnings: Iterable[Notice] = (),
        ignored: Iterable[Notice] = (),
        remarks: Iterable[Notice] = (),
        withheld: Iterable[Value] = (),
        unusable: Iterable[Value] = (),
        files: Iterable[File] = (),
        generation: int = 0,
    ) -> None:
        self._values = dict(values)
        self._dotted = frozenset(name for name in self._values if splits(name))
        self._found: dict[str, Value | None] = {}
        self._schema = schema
        self.project = project
        self.warnings = tuple(warnings)
        self.ignored = tuple(ignored)
        self.remarks = tuple(remarks)
        self.withheld = tuple(withheld)
        self.unusable = tuple(unusable)
        self.files = tuple(files)
        self.generation = generation

    def value(self, key: str) -> Value | None:
        """The value that counts, with its origin and what it hides; None where nothing sets the key.

        What it holds is shared: do not change it.
        """
        try:
            return self._found[key]
        except KeyError:
            found = self._looked_up(key)
            # The same few are asked for with every request; a view never changes.
            if len(self._found) < REMEMBERED:
                self._found[key] = found
            return found

    def _looked_up(self, key: str) -> Value | None:
        if not self._dotted or not self._knows(key):
            return _find(self._values.values(), "", key)
        # A name with a dot in it, which the schema does not know, never answers for a key that it does.
        return _find((value for name, value in self._values.items() if name not in self._dotted), "", key)

    def _knows(self, key: str) -> bool:
        path = names(key)
        return self._schema.find(path) is not None or self._schema.is_section(path)

    def get(self, key: str, default: Any = None) -> Any:
        """The plain value of a key, a copy that is yours; ``default`` where nothing sets it."""
        found = self.value(key)
        return default if found is None else copy.deepcopy(found.value)

    def items(self, key: str) -> tuple[Value, ...]:
        """The members of a list that adds up, or of an object, each with its own origin; empty where nothing sets it.

        ``items("permissions.deny")`` has every deny rule of every layer, ``items("hooks.Stop")`` every such hook: those
        with ``origin.trusted`` False come from a repository, and only ask.
        """
        found = self.value(key)
        return () if found is None else found.parts

    def list(self) -> tuple[Value, ...]:
        """Every setting that is no object of further ones, sorted by key."""
        return tuple(sorted(_leaves(self._values.values()), key=lambda value: value.key))

    def explain(self, key: str) -> Explanation:
        """Why a key has its value."""
        path = names(key)
        return Explanation(
            key,
            self.value(key),
            tuple(notice for notice in self.ignored if is_about(notice.key, key)),
            tuple(notice for notice in self.warnings if is_about(notice.key, key)),
            self._schema.find(path) if path else None,
        )

    def keys(self) -> tuple[str, ...]:
        """The top-level keys that are set."""
        return tuple(self._values)


def _find(values: Iterable[Value], above: str, key: str) -> Value | None:
    # A name may hold dots itself, so the key is compared from the left and not cut into words. A plain name goes first:
    # a server called `x.url`, which anybody may have named so, never answers for the URL of the server `x`.
    inner: list[Value] = []
    for value in values:
        if key.startswith((f"{value.key}.", f"{value.key}[")):
            name = value.key[len(above) + 1 :] if above else value.key
            if value.key[len(above) :].startswith("[") or not splits(name):
                return _below(value, key)
            inner.append(value)
        elif value.key == key:
            inner.insert(0, value)
    found = (value if value.key == key else _below(value, key) for value in inner)
    return next((value for value in found if value is not None), None)


def _below(value: Value, key: str) -> Value | None:
    return _find(value.parts, value.key, key) or _inside(value, key)


def _inside(value: Value, key: str) -> Value | None:
    """A part of a value that counts as a whole, such as the URL of one server."""
    if any(key.startswith((f"{part.key}.", f"{part.key}[")) for part in value.parts):
        return None
    plain, written = value.value, value.written
    for step in steps(key[len(value.key) :]):
        at: Any = step
        try:
            plain, written = plain[at], written[at]
        except (KeyError, IndexError, TypeError):
            return None
    return Value(key, plain, value.origin, written=written, reads=value.reads)


def _leaves(values: Iterable[Value]) -> Iterator[Value]:
    for value in values:
        if isinstance(value.value, dict) and value.parts:
            yield from _leaves(value.parts)
        else:
            yield value


def is_about(place: str, key: str) -> bool:
    """Whether what is said about one key concerns another: the same, one inside it, or one around it."""
    return place == key or place.startswith((f"{key}.", f"{key}[")) or key.startswith((f"{place}.", f"{place}["))
