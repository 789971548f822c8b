"""One folder of command files with all below it: which files there are, looked at again where a folder changed."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .command_file import Kind, Source
from .discovery import Root

MOST_FILES = 10_000
"""Commands in one folder of commands."""
MOST_ENTRIES = 50_000
"""Names that are looked at in one folder of commands."""
DEEPEST = 16
"""Folders inside of folders."""
SETTLED_NS = 2_000_000_000
"""Nanoseconds after which a change shows in a time stamp that was read before it; some file systems count seconds."""

_KINDS: dict[str, Kind] = {
    ".md": "markdown",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".py": "python",
}
_NO_COMMANDS = frozenset((".git", "node_modules", "__pycache__"))
_MODULE = "_module.py"
_What = Literal["folder", "file", "link", "other"]


@dataclass(frozen=True, slots=True)
class _Listing:
    identity: tuple[int, ...]
    settled: bool
    entries: tuple[tuple[str, _What], ...]
    cut: bool
    plain: bool
    """Without links: they change without the folder that they lie in."""


def identity(found: os.stat_result) -> tuple[int, ...]:
    """What changes when a file or folder does."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def settled(found: os.stat_result) -> bool:
    """Whether a change from now on is sure to show in its time stamps."""
    return time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > SETTLED_NS


class Tree:
    """The files under one root. ``leave`` lets links lead out to Markdown, as Claude Code does."""

    def __init__(self, root: Root, *, leave: bool) -> None:
        self._root = root
        self._leave = leave
        self._listings: dict[str, _Listing] = {}
        self._sources: tuple[Source, ...] = ()
        self._files: dict[str, tuple[_Listing, tuple[Source, ...]]] = {}
        self.problems: tuple[str, ...] = ()

    def sources(self) -> tuple[Source, ...]:
        """The files that may be commands; the same tuple as long as nothing changed."""
        if self._listings and self._unchanged():
            return self._sources
        walk = _Walk(self._root, self._listings, self._files, leave=self._leave)
        walk.run()
        self._listings = walk.seen
        self._files = walk.files
        found, problems = tuple(walk.found), tuple(walk.problems)
        if found != self._sources or problems != self.problems:
            self._sources, self.problems = found, problems
        return self._sources

    def _unchanged(self) -> bool:
        try:
            return all(
                listing.settled and listing.plain and listing.identity == identity(Path(path).stat())
                for path, listing in self._listings.items()
            )
        except OSError:
            return False


class _Walk:
    """One look at a tree; folders that did not change are taken from what was ``known``."""

    def __init__(
        self,
        root: Root,
        known: dict[str, _Listing],
        files: dict[str, tuple[_Listing, tuple[Source, ...]]],
        *,
        leave: bool,
    ) -> None:
        self.files: dict[str, tuple[_Listing, tuple[Source, ...]]] = {}
        self._known_files = files
        self.seen: dict[str, _Listing] = {}
        self.found: list[Source] = []
        self.problems: list[str] = []
        self._root = root
        self._known = known
        self._leave = leave
        self._left = MOST_ENTRIES
        self._within = None if root.within is None else os.path.realpath(root.within)

    def run(self) -> None:
        path = str(self._root.path)
        try:
            found = Path(path).stat()
        except OSError:
            return
        if stat.S_ISDIR(found.st_mode) and (not Path(path).is_symlink() or self._may_follow(path)):
            self._folder(path, found, (), ())

    def _folder(
        self, path: str, found: os.stat_result, parts: tuple[str, ...], above: tuple[tuple[int, int], ...]
    ) -> None:
        here = (found.st_dev, found.st_ino)
        # A link to a folder above would go round for ever.
        if here in above:
            return
        if len(parts) > DEEPEST:
            self.problems.append(f"{path}: lies more than {DEEPEST} folders deep and was passed over; move it up")
            return
        listing = self._listing(path, found)
        self._left -= len(listing.entries)
        if listing.cut or self._left < 0 or len(self.found) >= MOST_FILES:
            self._left = -1
            self.problems.append(
                f"{self._root.path}: holds too many files; some were passed over, remove what is no command"
            )
        folders = []
        for name, what in listing.entries:
            kind = self._followed(path, name, what)
            if kind == "folder":
                folders.append(name)
        self.found += self._sources(path, parts, listing)[: MOST_FILES - len(self.found)]
        if self._root.style == "modules" or (self._root.style == "skills" and parts):
            return
        for name in folders:
            if self._left < 0 or name in _NO_COMMANDS:
                continue
            below = f"{path}{os.sep}{name}"
            try:
                inner = Path(below).stat()
            except OSError:
                continue
            self._folder(below, inner, (*parts, name), (*above, here))

    def _listing(self, path: str, found: os.stat_result) -> _Listing:
        known = self._known.get(path)
        if known is None or not known.settled or known.identity != identity(found):
            known = _listed(path, found, max(self._left, 0))
        self.seen[path] = known
        return known

    def _followed(self, path: str, name: str, what: _What) -> _What:
        """What an entry is once links are followed; links are asked each time, for they change without their folder."""
        if what != "link":
            return what
        full = f"{path}{os.sep}{name}"
        try:
            mode = Path(full).stat().st_mode
        except OSError:
            return "other"
        if stat.S_ISDIR(mode):
            return "folder" if self._may_follow(full) else "other"
        return "file" if stat.S_ISREG(mode) else "other"

    def _may_follow(self, path: str) -> bool:
        if self._within is None or self._leave:
            return True
        real = os.path.realpath(path)
        if real == self._within or real.startswith(self._within.rstrip(os.sep) + os.sep):
            return True
        self.problems.append(
            f"{path}: is a link that leads out of {self._root.within}; put a copy there, or link from home"
        )
        return False

    def _sources(self, path: str, parts: tuple[str, ...], listing: _Listing) -> tuple[Source, ...]:
        known = self._known_files.get(path)
        if known is None or known[0] is not listing or not listing.plain:
            known = (listing, tuple(self._commands(path, parts, listing)))
        self.files[path] = known
        return known[1]

    def _commands(self, path: str, parts: tuple[str, ...], listing: _Listing) -> Iterator[Source]:
        style = self._root.style
        if style == "skills":
            if parts and any(name == "SKILL.md" for name, _ in listing.entries):
                yield self._source(path, "SKILL.md", parts, "skill", base=path)
            return
        if style == "modules":
            for name, what in listing.entries:
                if name.endswith(_MODULE) and self._usable(path, name, what):
                    yield self._source(path, name, (name.removesuffix(_MODULE),), "module")
            return
        # As with Claude Code, a folder with a SKILL.md in it is that skill and holds no other commands.
        skill = next((name for name, _ in listing.entries if parts and name.lower() == "skill.md"), None)
        if skill is not None:
            yield self._source(path, skill, parts, "skill", base=path)
            return
        for name, what in listing.entries:
            stem, dot, ending = name.rpartition(".")
            kind = _KINDS.get(dot + ending)
            if kind is None or not stem or (kind != "markdown" and (not self._root.code or name == "__init__.py")):
                continue
            if self._usable(path, name, what):
                yield self._source(path, name, (*parts, stem), kind)

    def _usable(self, path: str, name: str, what: _What) -> bool:
        followed = self._followed(path, name, what)
        if followed == "other" and what != "link":
            self.problems.append(f"{path}{os.sep}{name!r}: is no regular file; remove it")
        return followed == "file"

    def _source(self, path: str, name: str, parts: tuple[str, ...], kind: Kind, base: str | None = None) -> Source:
        root = self._root
        space = ":".join(parts[:-1])
        where = f"plugin:{root.prefix[:-1]}" if root.scope == "plugin" else root.scope
        return Source(
            name=root.prefix + ":".join(parts),
            path=Path(path, name),
            root=root.path,
            scope=root.scope,
            kind=kind,
            label=f"({where}:{space})" if space else f"({where})",
            within=None if self._within is None else Path(self._within),
            leave=self._leave,
            base=None if base is None else Path(base),
            plugin_root=root.plugin_root,
        )


def _listed(path: str, found: os.stat_result, most: int) -> _Listing:
    entries: list[tuple[str, _What]] = []
    cut = False
    # Before the folder is read: a change in the meantime then shows as one.
    calm = settled(found)
    try:
        with os.scandir(path) as reading:
            for entry in reading:
                if len(entries) >= most:
                    cut = True
                    break
                # A name in no known encoding can be typed by nobody.
                if entry.name.isascii() or _encodes(entry.name):
                    entries.append((entry.name, _what(entry)))
    except OSError:
        # Not ours to read, or gone: as good as empty.
        calm = False
    return _Listing(identity(found), calm, tuple(sorted(entries)), cut, all(what != "link" for _, what in entries))


def _encodes(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _what(entry: os.DirEntry[str]) -> _What:
    try:
        if entry.is_symlink():
            return "link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "other"
    except OSError:
        return "other"
