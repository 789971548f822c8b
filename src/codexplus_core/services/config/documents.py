"""Settings files as they were last read: looked at again when they change, kept when they cannot be read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import Literal

from .parsing import Parsed, Unparsable, parse, part_of
from .places import Place
from .reading import Content, Identity, Refused, identity, read_below, read_followed, rights, strangers
from .rescue import deny_rules

State = Literal["read", "broken", "refused", "kept"]
BUDGET = 256 * 1024
"""Bytes of all settings files of one project: while they are read nobody else is served, and anybody can bring them."""
YAML_WEIGHT = 16
JUST_NOW_NS = 50_000_000
"""A file that was written so short a time ago could be written again within the same tick of its time stamp."""


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A file with settings, or what could be had of it.

    ``state`` is ``read``, ``broken`` (only its deny rules count, as far as they could be told), ``refused`` (not even
    those) or ``kept`` (it cannot be read now; what it said before still counts, and new deny rules with it).
    ``because`` says why a file of the user is not trusted, ``""`` if it is.
    """

    place: Place
    state: State
    parsed: Parsed | None = None
    problem: str = ""
    todo: str = ""
    rescued: tuple[str, ...] = ()
    because: str = ""
    data: bytes = b""


class Shelf:
    """All documents of one process, read once for each change."""

    def __init__(self) -> None:
        self._kept: dict[Place, tuple[tuple[Identity, Identity, bool], Document | None, bool]] = {}

    def documents(self, places: tuple[Place, ...]) -> tuple[Document, ...]:
        """The documents of all files that are there, in order; of a project's files as much as BUDGET allows."""
        found = []
        left = BUDGET
        for place in places:
            known = identity(place.path)
            if place.of_project and known is not None:
                left -= weight(place, known)
            document = self._document(place, known, outsized=left < 0 and place.of_project)
            if document is not None:
                found.append(document)
        return tuple(found)

    def _document(self, place: Place, known: Identity, *, outsized: bool) -> Document | None:
        """The file's document. The same object for as long as nothing changes."""
        now = (known, None if place.of_project else rights(place.root), outsized)
        before = self._kept.get(place)
        if before is not None and before[0] == now and not before[2]:
            return before[1]
        last = before[1] if before is not None else None
        document = None if known is None else _read(place, last, outsized=outsized)
        if document is not None and last is not None and _same(document, last):
            document = last
        self._kept[place] = (now, document, _just_now(known))
        return document

    def keep_only(self, places: set[Place]) -> None:
        """Forget all other files."""
        self._kept = {place: kept for place, kept in self._kept.items() if place in places}


def _just_now(found: Identity) -> bool:
    return found is not None and len(found) > 3 and abs(time.time_ns() - found[3]) < JUST_NOW_NS


def _same(one: Document, other: Document) -> bool:
    if (one.state, one.data, one.because, one.problem) != (other.state, other.data, other.because, other.problem):
        return False
    return one.rescued == other.rescued


def weight(place: Place, known: Identity) -> int:
    """How much of BUDGET a file takes."""
    size = known[4] if known is not None and len(known) > 4 else 0
    return size * YAML_WEIGHT if place.yaml else size


def _read(place: Place, last: Document | None, *, outsized: bool) -> Document | None:
    because = "" if place.of_project else strangers(place.root) or strangers(place.path)
    try:
        if place.above and (why := strangers(place.root) or strangers(place.path)):
            raise Refused(f"{why}, or its folder does, and lies above the project", "remove it")
        content = read_below(place.path, place.root, place.limit) if place.of_project else _followed(place)
    except Refused as refused:
        return _without(place, last, Document(place, "refused", None, str(refused), refused.todo, because=because))
    if content is None:
        return None
    try:
        if not content.whole:
            raise Unparsable(f"is larger than {place.limit} bytes")
        if outsized:
            raise Unparsable(
                f"makes the project's settings larger than {BUDGET} bytes, those of YAML counted {YAML_WEIGHT} times"
            )
        if place.yaml and not content.data and last is not None and last.parsed and _just_now(identity(place.path)):
            # Emptied this moment, most likely to be written anew; if it stays empty, the next look will have it so.
            return last
        if place.within is not None:
            parsed = part_of(content.data, place.within, place.only or (), alone=place.own_servers)
            return None if parsed is None else Document(place, "read", parsed, because=because, data=_dumped(parsed))
        return Document(place, "read", parse(content.data, yaml=place.yaml), because=because, data=content.data)
    except Unparsable as broken:
        rescued = () if place.within is not None else tuple(deny_rules(_as_text(content.data[:BUDGET])))
        todo = f"correct it; of what it says, {_count(rescued)} still counted" if rescued else "correct it"
        found = Document(place, "broken", None, str(broken), todo, rescued, because, content.data)
        return _without(place, last, found)


def _dumped(parsed: Parsed) -> bytes:
    """What tells one state of a part of a file from another: the rest of it changes all the time."""
    return json.dumps([parsed.data, [*parsed.lines.items()]]).encode()


def _followed(place: Place) -> Content | None:
    return read_followed(place.path, place.limit)


def _count(rescued: tuple[str, ...]) -> str:
    return f"{len(rescued)} deny rule{'s are' if len(rescued) > 1 else ' is'}"


def _without(place: Place, last: Document | None, found: Document) -> Document:
    """What counts of a file that cannot be read: what it said when it could, which is what a half-written file said."""
    if last is None or last.parsed is None:
        return found
    return replace(found, state="kept", parsed=last.parsed, todo="correct it; what it said before counts until then")


def _as_text(data: bytes) -> str:
    for start, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(start):
            return data.decode(encoding, "replace")
    return data.decode("utf-8", "replace")
