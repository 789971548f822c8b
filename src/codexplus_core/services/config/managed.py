"""The policy as a layer: read at the start or not at all, and kept when its file goes bad later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .cleaning import Cleaner
from .faults import faults_of
from .origin import Notice, Origin
from .parsing import Parsed, Unparsable, parse
from .policy import BadPolicy, PolicyPlace, read_policy
from .reading import identity, rights
from .schema import Schema
from .settings import File
from .sheet import Means, Sheet


class Imposed:
    """A policy that came from elsewhere, verified by whoever brought it: below the file's, above everybody else's."""

    def __init__(self, schema: Schema, env: Mapping[str, str]) -> None:
        self._means = Means(schema, env)
        self.sheet: Sheet | None = None

    def take(self, data: bytes | None, file: Path) -> None:
        """Let ``data``, YAML, be it from now on; None for none. Raises BadPolicy, and all stays as it was then."""
        if data is None:
            self.sheet = None
            return
        origin = Origin("enterprise", file, root=file.parent)
        try:
            parsed = parse(data, yaml=True)
        except Unparsable as broken:
            raise BadPolicy(f"{file}: {broken}; ask your administrator") from None
        self.sheet = _sheet(parsed, origin, self._means)


class Managed:
    """The administrator's layer. Raises BadPolicy when it is made and the policy cannot be relied on.

    An entry that cannot be used makes the whole policy one that cannot be relied on: what was meant is not enforced.
    ``problem`` says what is wrong with a file that was good before.
    """

    def __init__(self, place: PolicyPlace | None, schema: Schema, env: Mapping[str, str]) -> None:
        self._place = place
        self._schema = schema
        self._env = env
        self._stamp: object = None
        self._parsed: Parsed | None = None
        self.problem = ""
        self.sheet = Sheet(Origin("enterprise"))
        if place is not None:
            self._stamp = self._state(place)
            self._take(place)

    @property
    def data(self) -> Mapping[str, Any]:
        """What the policy says, as it is written."""
        return {} if self._parsed is None else self._parsed.data

    def look(self) -> Sheet | None:
        """The layer as it is now, None where there is no policy."""
        if self._place is not None:
            stamp = self._state(self._place)
            if stamp != self._stamp:
                self._stamp = stamp
                self._take_again(self._place)
        return self.sheet if self._parsed is not None or self.problem else None

    def files(self) -> list[File]:
        """The policy's file, if there is one."""
        if self._place is None or (self._parsed is None and not self.problem):
            return []
        return [File(self._place.path, "enterprise", "kept" if self.problem else "read", not self.problem)]

    def _state(self, place: PolicyPlace) -> object:
        return (identity(place.path), *(rights(folder) for folder in place.path.parents))

    def _take_again(self, place: PolicyPlace) -> None:
        try:
            self._take(place)
        except BadPolicy as bad:
            self.problem = str(bad)
            warnings = [Notice(Origin("enterprise", place.path), "", str(bad).removeprefix(f"{place.path}: "))]
            # A new object, so that views which were built on the old one are built anew.
            self.sheet = Sheet(self.sheet.origin, self.sheet.faulty, self.sheet.tree, warnings, self.sheet.ignored)

    def _take(self, place: PolicyPlace) -> None:
        parsed = read_policy(place)
        origin = Origin("enterprise", place.path, root=place.path.parent)
        sheet = Sheet(origin) if parsed is None else _sheet(parsed, origin, Means(self._schema, self._env))
        self._parsed, self.sheet, self.problem = parsed, sheet, ""


def _sheet(parsed: Parsed, origin: Origin, means: Means) -> Sheet:
    """What a policy says. Raises BadPolicy where an entry of it would not be enforced as it is meant."""
    sheet = Cleaner(origin, parsed.lines.get, means).clean(parsed.data)
    faults = [*(sheet.warnings if sheet.faulty else ()), *faults_of(sheet)]
    if faults:
        raise BadPolicy("; ".join(str(notice) for notice in faults[:5]))
    return sheet
