"""All command files that count in a project, by name; looked at again when files or folders change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from .command_file import CannotLoad, CommandFile, Source, load
from .discovery import Places, Root
from .signed import Signed, refusal
from .tree import Tree, identity, settled

PROJECTS = 64
"""Projects, in either profile, whose commands are remembered."""
TREES = 512
"""Folders of commands that are remembered."""
FILES = 20_000
"""Files that are remembered as they were read."""
MOST_MODULES = 32
"""Command modules of one project and its user; each is looked at for every command."""
READING_S = 1.0
"""Seconds that a listing reads files which it does not know yet; a repository may be made of slow ones."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A short name that several commands could mean; ``names`` are their full ones."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """A command whose file cannot be used; ``problem`` says where, what and what to do."""

    name: str
    path: Path
    problem: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two files with one name: the first one answers."""

    name: str
    used: Path
    hidden: Path


Found = CommandFile | Ambiguous | Unusable


class _Reader:
    """Files as they were read, kept until they change."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._known: dict[Source, tuple[tuple[int, ...], bool, CommandFile | Unusable]] = {}

    def read(self, source: Source, until: float = inf) -> CommandFile | Unusable | None:
        """The file as it is now; None where it is not known and ``until`` has passed."""
        if source.pack is not None:
            return self._of_pack(source)
        try:
            found = source.path.stat()
        except OSError as error:
            return Unusable(source.name, source.path, f"{source.path}: cannot be read ({error.strerror})")
        known = self._known.get(source)
        if known is not None and known[1] and known[0] == identity(found):
            return known[2]
        if self.clock() > until:
            return None
        calm = settled(found)
        return self._keep(source, identity(found), _loaded(source), calm=calm)

    def _of_pack(self, source: Source) -> CommandFile | Unusable:
        # The source has the file's digest in it: another content is another source.
        known = self._known.get(source)
        return self._keep(source, (), _loaded(source), calm=True) if known is None else known[2]

    def _keep(
        self, source: Source, identity: tuple[int, ...], made: CommandFile | Unusable, *, calm: bool
    ) -> CommandFile | Unusable:
        if len(self._known) >= FILES:
            self._known.clear()
        self._known[source] = (identity, calm, made)
        return made


def _loaded(source: Source) -> CommandFile | Unusable:
    try:
        return load(source)
    except CannotLoad as error:
        return Unusable(source.name, source.path, str(error))


class View:
    """The commands of one project in one profile, at one moment; files are read when they are asked for."""

    def __init__(
        self,
        sources: Sequence[Source],
        problems: tuple[str, ...],
        reader: _Reader,
        *,
        strict: bool,
        signed: Signed | None = None,
    ) -> None:
        signed = Signed() if signed is None else signed
        refused = [source for source in sources if signed.refuses(source)]
        # What a pack calls its own is never somebody else's file.
        sources = [*signed.sources(), *(source for source in sources if not signed.refuses(source))]
        self.refused = tuple(refused)
        """The files that nobody vouches for, where that is demanded."""
        self._refused = {source.name: source for source in reversed(refused)}
        self._signed = signed
        problems = (*problems, *(words for _, words in signed.problems), *map(refusal, refused))
        self._reader = reader
        self._strict = strict
        self._scanned = problems
        self._unusable: dict[str, Unusable] = {}
        self._named: dict[str, Source] = {}
        modules = [source for source in sources if source.kind == "module"]
        self._modules = tuple(modules[:MOST_MODULES])
        if len(modules) > MOST_MODULES:
            self._scanned += (f"only the first {MOST_MODULES} of {len(modules)} modules are used; remove some",)
        self._unread = 0
        conflicts = []
        for source in sources:
            if source.kind == "module":
                continue
            used = self._named.setdefault(source.name, source)
            if used is not source and used.path != source.path:
                conflicts.append(Conflict(source.name, used.path, source.path))
        self.conflicts = tuple(conflicts)
        """Names that two files have."""
        self._short: dict[str, list[str]] = {}
        if not strict:
            for source in self._named.values():
                space, _, last = source.name.rpartition(":")
                if space and last and source.scope != "plugin":
                    self._short.setdefault(last, []).append(source.name)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was passed over and why, files that ``all`` and ``find`` could not use among them."""
        unread = f"{self._unread} command files were not read yet, because others took long; look again"
        return (
            *self._scanned,
            *(each.problem for each in self._unusable.values()),
            *([unread] if self._unread else []),
        )

    def find(self, name: str) -> Found | None:
        """The command of that name, read now if its file changed; None where there is none.

        Names are compared exactly. In the default profile the last part of a name will do where it is the only one.
        """
        source = self._named.get(name)
        if source is not None:
            return self._read(source)
        for skill in self._skills():
            if name in skill.aliases:
                return skill
        full = self._short.get(name, [])
        if len(full) > 1:
            return Ambiguous(tuple(sorted(full)))
        if not full and name in self._refused:
            refused = self._refused[name]
            return Unusable(name, refused.path, refusal(refused))
        of_pack = None if full else self._signed.problem(name)
        if of_pack is not None:
            return Unusable(name, *of_pack)
        return self._read(self._named[full[0]]) if full else None

    def all(self) -> tuple[CommandFile, ...]:
        """Every command that can be used, by name. Reads what was not read yet: not for the event loop."""
        until = self._reader.clock() + READING_S
        read = [self._read(self._named[name], until) for name in sorted(self._named)]
        self._unread = sum(each is None for each in read)
        return tuple(each for each in read if isinstance(each, CommandFile))

    def names(self) -> tuple[str, ...]:
        """Every name, without reading a file."""
        return tuple(sorted(self._named))

    def aliases(self, command: CommandFile) -> tuple[str, ...]:
        """The other names that mean a command here."""
        short = command.name.rpartition(":")[2]
        alone = short != command.name and short not in self._named and len(self._short.get(short, ())) == 1
        return (*command.aliases, short) if alone else command.aliases

    def modules(self) -> tuple[CommandFile, ...]:
        """The command modules (``modules/*_module.py``), kind ``module``, the project's first."""
        read = map(self._read, self._modules)
        return tuple(each for each in read if isinstance(each, CommandFile))

    def _skills(self) -> Iterator[CommandFile]:
        until = self._reader.clock() + READING_S
        for source in self._named.values():
            if source.kind == "skill":
                skill = self._read(source, until)
                if isinstance(skill, CommandFile):
                    yield skill

    def _read(self, source: Source, until: float = inf) -> CommandFile | Unusable | None:
        made = self._reader.read(source, until)
        if made is None:
            return None
        if isinstance(made, Unusable):
            self._unusable[str(source.path)] = made
            return made
        # Claude Code does not show the folder.
        return replace(made, label=f"({made.scope})") if self._strict and made.scope != "plugin" else made


class Catalogue:
    """The commands of every project. ``home`` is the user's; ``folders`` are those of its folders that lie elsewhere,
    by the name that they have otherwise (``.codexplus``, ``.claude``, ``.codex``); ``plugins`` are plugins' folders.
    """

    def __init__(
        self,
        home: Path,
        *,
        folders: Mapping[str, Path] | None = None,
        plugins: Sequence[Path] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = Places(home, folders or {}, plugins)
        self._reader = _Reader(clock)
        self._trees: dict[tuple[Root, bool], Tree] = {}
        self._seen: dict[tuple[Path | None, bool], _Seen] = {}
        self._lock = threading.Lock()

    def of(self, project: Path | None, *, strict: bool, signed: Signed | None = None) -> View:
        """The commands that count in a project, None for the user's alone. Safe to call from several threads.

        The first call reads the folders; later ones look at those that changed. ``signed`` are the commands of packs,
        and what is refused beside them; None for neither.
        """
        with self._lock:
            return self._of(project, Signed() if signed is None else signed, strict=strict)

    def _of(self, project: Path | None, signed: Signed, *, strict: bool) -> View:
        roots, problems = self._places.roots(project, strict=strict)
        trees = [self._tree(root, leave=strict) for root in roots]
        parts = [tree.sources() for tree in trees]
        problems = (*problems, *(problem for tree in trees for problem in tree.problems))
        seen = self._seen.pop((project, strict), None)
        if seen is None or seen.signed != signed or not seen.still(roots, problems, parts):
            sources = [source for part in parts for source in part]
            view = View(sources, problems, self._reader, strict=strict, signed=signed)
            seen = _Seen(roots, problems, parts, view, signed)
        _keep(self._seen, (project, strict), seen, PROJECTS)
        return seen.view

    def _tree(self, root: Root, *, leave: bool) -> Tree:
        tree = self._trees.pop((root, leave), None) or Tree(root, leave=leave)
        _keep(self._trees, (root, leave), tree, TREES)
        return tree


@dataclass(frozen=True, slots=True)
class _Seen:
    roots: tuple[Root, ...]
    problems: tuple[str, ...]
    parts: list[tuple[Source, ...]]
    view: View
    signed: Signed

    def still(self, roots: tuple[Root, ...], problems: tuple[str, ...], parts: list[tuple[Source, ...]]) -> bool:
        # A tree hands out the same tuple until something changes in it.
        unchanged = all(one is other for one, other in zip(self.parts, parts, strict=False))
        return self.roots == roots and self.problems == problems and unchanged


def _keep(memory: dict[Any, Any], key: object, value: object, most: int) -> None:
    memory[key] = value
    while len(memory) > most:
        memory.pop(next(iter(memory)))
