"""The files that a command may read or write by its words, wherever its line has gone with cd by then."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .file_users import copies_folders, may_copy_folders, moves_to, texts_in, words_read, words_written
from .file_words import file_names, folder_of_pattern
from .git import as_git
from .path_index import PathIndex
from .paths import PathPattern, Place
from .shell import Unclear, Understood
from .shell_mentions import base_name

MOST_FOLDERS = 16
"""Folders that a line may go to and still have its names placed in each of them."""
_MOVERS = frozenset(("cd", "chdir", "pushd"))
_ROOTED = re.compile(r"[/~\\]|[A-Za-z]:")


@dataclass
class Names:
    """``files`` as they are named, ``folders`` that are gone through, ``anywhere`` names in folders that are not known.

    Relative ones begin at ``cwd``.
    """

    cwd: str
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    anywhere: set[str] = field(default_factory=set)

    def meet(self, pattern: PathPattern) -> bool:
        """Whether a denying rule may be about one of them; so it is where to find out would take too long."""
        if self._files.spent or (self.folders and self._folders.spent) or (self.anywhere and self._anywhere.spent):
            return True
        cwd = self.cwd
        if any(pattern.touches(Place(name, None, cwd)) for name in self._files.may_mean(pattern.last)):
            return True
        # A folder around the working folder leads to what rules say about other places.
        leading = pattern.leading or ("",) if self.folders else ()
        folders = (name for part in leading for name in self._folders.may_be_called(part))
        if any(pattern.leads_through(Place(name, None, cwd)) for name in folders):
            return True
        return bool(self.anywhere) and any(map(pattern.ends_like, self._anywhere.may_mean(pattern.last)))

    @cached_property
    def _files(self) -> PathIndex:
        return PathIndex(self.files, self.cwd)

    @cached_property
    def _folders(self) -> PathIndex:
        return PathIndex(self.folders, self.cwd)

    @cached_property
    def _anywhere(self) -> PathIndex:
        return PathIndex(self.anywhere, self.cwd)


class NamedFiles:
    """What a shell text names. Looked for when a rule first asks, once for all the rules."""

    def __init__(self, read: Understood | Unclear, cwd: str) -> None:
        self._read = read
        self._cwd = cwd

    @cached_property
    def reading(self) -> Names:
        """Files that it may read."""
        return (
            _unclear(self._read, self._cwd)
            if isinstance(self._read, Unclear)
            else _walk(self._read, self._cwd, editing=False)
        )

    @cached_property
    def editing(self) -> Names:
        """Files that it may write, create or remove."""
        return self.reading if isinstance(self._read, Unclear) else _walk(self._read, self._cwd, editing=True)


class _Folders:
    """Where a line may be by now: any step may have failed, or have been taken in a subshell."""

    def __init__(self, known: Iterable[str] = ("",)) -> None:
        self.known = list(known)
        self.unsure = False

    def go(self, target: str) -> None:
        for folder in self.known[:]:
            joined = _joined(folder, target)
            if joined not in self.known:
                self.known.append(joined)
        self.unsure = self.unsure or len(self.known) > MOST_FOLDERS
        del self.known[MOST_FOLDERS:]

    def with_(self, targets: Iterable[str]) -> _Folders:
        """The same for one command that goes elsewhere by itself."""
        inside = _Folders(self.known)
        inside.unsure = self.unsure
        for target in targets:
            inside.go(target)
        return inside


def _unclear(read: Unclear, cwd: str) -> Names:
    folders = _Folders()
    for place, word in enumerate(read.words[:-1]):
        if base_name(word) in _MOVERS or word in ("-C", "--directory"):
            folders.go(read.words[place + 1])
    names = Names(cwd)
    _put(names, read.words, folders, through=may_copy_folders(read.words))
    return names


def _walk(read: Understood, cwd: str, *, editing: bool) -> Names:
    folders = _Folders()
    names = Names(cwd)
    _put(names, [write.path for write in read.writes], folders, whole=True)
    for called in read.commands:
        argv = as_git(called)
        here = folders.with_(moves_to(argv))
        words = words_written(argv) if editing else words_read(argv)
        texts = texts_in(argv)
        through = copies_folders(argv)
        _put(names, [word for place, word in words if place not in texts], here, through=through)
        _put(names, [word for place, word in words if place in texts], here, whole=True)
        if "/" in called[0] and not editing:
            _put(names, called[:1], here, whole=True)
        if base_name(argv[0]) in _MOVERS:
            target = next((word for word in argv[1:] if not word.startswith("-")), "~")
            folders.go(target)
            # `cat x > y` behind it is placed there too: a redirection does not say which command it belongs to.
            _put(names, [write.path for write in read.writes], folders, whole=True)
    return names


def _put(names: Names, words: Sequence[str], folders: _Folders, *, through: bool = False, whole: bool = False) -> None:
    found = set(words if whole else file_names(words))
    parents = {folder for folder in map(folder_of_pattern, found) if folder}
    for folder in folders.known:
        placed = {_joined(folder, name) for name in found} if folder else found
        names.files |= placed
        names.folders |= {_joined(folder, parent) for parent in parents}
        if through:
            names.folders |= placed | ({folder} if folder else set())
    if folders.unsure:
        names.anywhere |= found


def _joined(folder: str, name: str) -> str:
    if not folder or _ROOTED.match(name):
        return name
    return posixpath.normpath(f"{folder}/{name}")
