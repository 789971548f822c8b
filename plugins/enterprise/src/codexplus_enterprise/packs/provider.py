"""The packs that are used: looked at again when something changes, their files handed to the core."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from codexplus_core import AuditEvent, Core, PackFile, Problem, RefusedFile

from ..state import state_folder
from .folder import Stamp, settled, stamp_at, stamps_below
from .keyring import Keyring, keyring_of
from .manifest import Manifest, PackError, kind_of
from .store import Memory, Store
from .verify import Verified, against, verify

EVERY_S = 0.5
"""Seconds for which packs are taken to be as they were."""
TENDED_S = 3.0
"""Seconds after which nobody relies on `tend` any more: where it has not ended since, who asks looks for themselves."""
DIRECTORIES = "packs.directories"


@dataclass(frozen=True, slots=True)
class Row:
    """One pack that is there: verified, or why it is not used."""

    folder: Path
    installed: bool
    found: Verified | None = None
    problem: str = ""
    stamps: Mapping[Path, Stamp] = field(default_factory=dict)
    """Of everything that was looked at, from before it was."""
    lists: Manifest | None = None
    """What a refused pack would bring, where a key that counts has signed that much."""

    @property
    def name(self) -> str:
        """Its name; that of its folder where nothing better is known."""
        return _printable(self.folder.name) if self.found is None else self.found.manifest.name


@dataclass(frozen=True, slots=True)
class _Stale:
    """What is to be verified, by which keys, and what the outcome holds for."""

    places: tuple[Path, ...]
    keyring: Keyring
    identity: object


class Packs:
    """Verifies packs, and knows their files."""

    def __init__(
        self,
        core: Core,
        *,
        env: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        every_s: float = EVERY_S,
    ) -> None:
        self._core = core
        self.store = Store(state_folder(env) / "packs")
        self._clock = clock
        self._now = now
        self._every_s = every_s
        self._looked = -inf
        self._tended = -inf
        self._identity: object = None
        self._stored: object = None
        self._until = inf
        self._rows: tuple[Row, ...] = ()
        self._files: tuple[PackFile, ...] = ()
        self._told: set[str] = set()
        self._untold: list[AuditEvent] = []

    def files(self) -> tuple[PackFile, ...]:
        """Every file of every pack that is used; the same tuple as long as nothing changes."""
        now = self._clock()
        # To look at a pack of 1,900 files takes 50 ms, to verify it 180: where somebody tends them in a thread, the
        # event loop has what was found there.
        if now - self._tended >= TENDED_S and now - self._looked >= self._every_s:
            self._looked = now
            self._look()
        return self._files

    def rows(self) -> tuple[Row, ...]:
        """Every pack that is there, used or not."""
        self.files()
        return self._rows

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """The packs that are there and are not used: each one's name, or its folder's, and a sentence."""
        return tuple((row.name, row.problem) for row in self.rows() if row.problem)

    @property
    def refused(self) -> tuple[RefusedFile, ...]:
        """The files of packs that are not used, as far as a manifest lists them that a key which counts has signed."""
        return tuple(
            RefusedFile(row.lists.name, kind_of(path), path, row.problem)
            for row in self.rows()
            if row.lists is not None
            for path in row.lists.files
        )

    def holds(self, file: PackFile) -> bool:
        """Whether the pack of this file is on disk as it was verified."""
        self._looked = self._clock()
        self._look()
        return file in self._files

    async def tend(self) -> None:
        """Look whether something changed, and tell those who keep account of it what was found: used and refused."""
        self._looked = self._clock()
        stale = self._now_there()
        rows = await asyncio.to_thread(self._verified_anew, stale, self._rows, self._same(stale))
        if rows is not None:
            self._take(stale, rows)
        self._tended = self._clock()
        events, self._untold = self._untold, []
        for event in events:
            if event.reason:
                self._core.log.warning("pack_refused", folder=event.fields["path"], reason=event.reason)
            await self._core.report(event)

    def _look(self) -> None:
        stale = self._now_there()
        rows = self._verified_anew(stale, self._rows, self._same(stale))
        if rows is not None:
            self._take(stale, rows)

    def _now_there(self) -> _Stale:
        """What is there to be verified; not from a thread: it looks at the settings."""
        settings, places = self._core.config.user, self._places()
        identity = (settings, tuple(places), tuple(stamp_at(folder) for folder in places))
        return _Stale(tuple(places), keyring_of(self._core) if places else Keyring(), identity)

    def _same(self, there: _Stale) -> bool:
        same = there.identity == self._identity and self.store.stamp() == self._stored
        return same and self._now() < self._until

    def _verified_anew(self, there: _Stale, rows: tuple[Row, ...], same: bool) -> tuple[Row, ...] | None:
        """Every pack, verified or refused, None where nothing changed since; may be called in a thread."""
        if same and _unchanged(rows):
            return None
        return _verified(there, self.store, self._now())

    def _take(self, stale: _Stale, rows: tuple[Row, ...]) -> None:
        self._rows = rows
        used = [row.found for row in rows if row.found is not None]
        files = tuple(each for found in used for each in _files(found))
        self._files = self._files if files == self._files else files
        self._until = min((found.until for found in used), default=inf)
        # Looked at afterwards: what was found may have been remembered.
        self._identity, self._stored = stale.identity, self.store.stamp()
        self._tell(rows)

    def _places(self) -> list[Path]:
        """The folders of packs: those that were installed, and those that the settings name folders of."""
        found = self.store.folders()
        for value in self._core.config.user.items(DIRECTORIES):
            try:
                folder = Path(str(value.value)).expanduser()
                found += sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
            except (OSError, ValueError, RuntimeError):  # no such folder, no name of one, nobody's home
                continue
        return found

    def _tell(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            words = row.problem or f"{row.name} {'' if row.found is None else row.found.sha256}"
            if words in self._told:
                continue
            self._told.add(words)
            fields = {"path": str(row.folder), "pack": row.name}
            if row.found is not None:
                manifest = row.found.manifest
                fields |= {"digest": row.found.sha256, "version": manifest.version, "key": row.found.key.id}
            event = AuditEvent("pack.verify", "success", fields=fields)
            refused = replace(event, outcome="denied", reason=row.problem)
            self._untold.append(refused if row.found is None else event)


def provide(core: Core) -> Packs:
    """Hand the packs of this user to the core; nothing is read before somebody asks for them."""
    packs = Packs(core)
    core.packs.provide(packs)
    return packs


def _unchanged(rows: tuple[Row, ...]) -> bool:
    now_ns = time.time_ns()
    for row in rows:
        if any(stamp_at(path) != stamp for path, stamp in row.stamps.items()) or not settled(row.stamps, now_ns):
            return False
    return True


def _files(found: Verified) -> Iterable[PackFile]:
    manifest = found.manifest
    for path, data in found.contents.items():
        digest = hashlib.sha256(data).hexdigest()
        where = found.root.joinpath(*path.split("/"))
        yield PackFile(
            manifest.name, manifest.version, kind_of(path), path, data, digest, where, found.root, found.key.managed
        )


def _verified(stale: _Stale, store: Store, now: float) -> tuple[Row, ...]:
    """Every pack that is there, verified or refused; may be called in a thread."""
    if not stale.places:
        return ()

    def row(folder: Path) -> Row:
        return Row(folder, folder.parent == store.root, stamps=stamps_below(folder))

    try:
        memory = store.memory()
        keyring = stale.keyring.with_pinned(memory.pinned)
    except PackError as error:
        return tuple(replace(row(folder), problem=str(error)) for folder in stale.places)
    rows = []
    for folder in stale.places:
        # Taken before it is read; the cause of a refusal may lie in something that never is.
        made = row(folder)
        try:
            found = verify(folder, keyring, now=now)
        except (PackError, Problem) as error:
            lists = error.manifest if isinstance(error, PackError) else None
            rows.append(replace(_refused(made, str(error)), lists=lists))
        else:
            rows.append(replace(made, found=found, stamps=found.stamps))
    return tuple(_newest(rows, memory, store))


def _newest(rows: list[Row], memory: Memory, store: Store) -> list[Row]:
    """Of several packs with one name the newest; none that is older than what was used before."""
    best: dict[str, Row] = {}
    for row in rows:
        if row.found is not None:
            known = best.setdefault(row.name, row)
            if known.found is not None and row.found.manifest.serial > known.found.manifest.serial:
                best[row.name] = row
    judged = []
    for row in rows:
        if row.found is None:
            judged.append(row)
        elif best[row.name] is not row:
            # Its commands are those of the one that is used, or of nobody any more.
            told = _refused(row, f"there is another one called {row.name!r}, and it is used")
            judged.append(replace(told, lists=None))
        else:
            judged.append(_remembered(row, row.found, memory, store))
    return judged


def _remembered(row: Row, found: Verified, memory: Memory, store: Store) -> Row:
    seen = memory.seen.get(row.name)
    try:
        against(seen, found)
        if seen != found.seen:
            store.remember(found)
    except (PackError, Problem) as error:
        return _refused(row, str(error))
    return row


def _refused(row: Row, why: str) -> Row:
    lists = None if row.found is None else row.found.manifest
    return replace(row, found=None, lists=lists, problem=_printable(f"{row.folder}: the pack is not used: {why}"))


def _printable(text: str) -> str:
    """Names that anybody may have given to a folder, without what a terminal would act on."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
