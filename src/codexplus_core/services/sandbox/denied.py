"""Looking for the files that a rule denies among those that a program is about to be given."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .level import SandboxRefused

MOST = 300_000
"""Names that are looked at for one run."""
SECONDS = 10.0
"""How long one run may wait for it."""
AT_ONCE = 128
"""Names that may be looked at on the event loop, folders that did not change among them."""
AT_ONCE_SECONDS = 0.05
REMEMBERED = 32_000
"""Folders whose names are remembered; a folder that did not change need not be read again."""

# Some file systems tell the time in steps of two seconds; what changed within one cannot be told from what did not.
_SETTLED_NS = 2_000_000_000
# A name that says nothing: where even it is denied, so is whatever else a folder comes to hold.
_NOBODY = "a0"
_STEP = 64
_RULES = 4


class Rules(Protocol):
    """What is asked about names and paths; `Forbidden` of the permissions is one."""

    @property
    def key(self) -> str:
        """The same for rules that suspect the same names."""
        ...

    def denies(self, path: str) -> bool:
        """Whether this path is denied, with all that is in it."""
        ...

    def may_hold(self, folder: str) -> bool:
        """Whether anything in this folder may be denied."""
        ...

    def suspects(self, name: str) -> bool:
        """Whether a name may be a denied one."""
        ...

    def leads(self, name: str) -> bool:
        """Whether a folder's name may be why something in it is denied."""
        ...


@dataclass(frozen=True, slots=True)
class _Names:
    """What a folder held when it was last changed: folders, suspects of any kind, and links that may lead to some.

    ``hidden`` where it cannot be listed.
    """

    stamp: tuple[int, int, int, int]
    folders: tuple[str, ...]
    suspects: tuple[str, ...]
    links: tuple[str, ...]
    hidden: bool = False


class Search:
    """Finds denied files, and remembers the names in folders from one time to the next.

    Any thread may ask. ``clock`` gives seconds that only grow.
    """

    at_once: Search
    """The same with its memory, for the event loop: it refuses what takes more than a moment."""

    def __init__(
        self,
        *,
        most: int = MOST,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
        known: dict[str, dict[str, _Names]] | None = None,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, dict[str, _Names]] = {} if known is None else known
        self.at_once = (
            self if known is not None else Search(most=AT_ONCE, seconds=AT_ONCE_SECONDS, clock=clock, known=self._known)
        )

    def below(self, roots: Iterable[str], rules: Rules) -> set[str]:
        """The denied files and folders in these, given and returned by their real paths.

        Links are not looked behind unless their name matters to a rule. Other names (hard links) of what is denied
        are found, too. Raises SandboxRefused where there is too much to look at.
        """
        roots = list(dict.fromkeys(roots))
        left = _Budget(self._most, self._clock() + self._seconds, self._clock)
        known = self._known_by(rules)
        found = {root for root in roots if rules.denies(root)}
        # A folder, its name as rules are asked about it, and whether a link was followed to it.
        waiting = [(root, root, False) for root in roots if root not in found]
        while waiting:
            real, named, linked = waiting.pop()
            if not rules.may_hold(named):
                continue
            names = _names(real, rules, left, known)
            denied = {name for name in names.suspects if rules.denies(f"{named}/{name}")}
            if names.hidden or (denied and rules.denies(f"{named}/{_NOBODY}")):
                found.add(real)
                continue
            found.update(_within(real, denied, roots))
            for name in names.folders:
                if name not in denied:
                    inner = f"{real}/{name}"
                    waiting.append((inner, f"{named}/{name}" if linked else inner, linked))
            for name in () if linked else names.links:
                waiting += [(target, f"{named}/{name}", True) for target in _within(real, [name], roots)]
        return found | _other_names(found, roots, left)

    def _known_by(self, rules: Rules) -> dict[str, _Names]:
        """The folders that were read for rules which suspect the same names; few others are in use at a time."""
        if rules.key not in self._known and len(self._known) >= _RULES:
            self._known.clear()
        return self._known.setdefault(rules.key, {})


class _Budget:
    """How many names may still be looked at, and until when."""

    def __init__(self, names: int, until: float, clock: Callable[[], float]) -> None:
        self._names = names
        self._until = until
        self._clock = clock

    def spend(self, names: int) -> None:
        """Look at so many. Raises SandboxRefused."""
        self._names -= names
        why = "there are too many" if self._names < 0 else "it takes too long" if self._clock() > self._until else ""
        if why:
            raise SandboxRefused(
                f"the files that the program may read cannot all be held against the deny rules: {why}; declare less"
                " than the whole project (read:src/**), or name a folder in the rules (Read(/config/**))"
            )


_NOTHING = _Names((0, 0, 0, 0), (), (), ())


def _names(folder: str, rules: Rules, left: _Budget, known: dict[str, _Names]) -> _Names:
    try:
        found = os.stat(folder)  # noqa: PTH116 - a Path for each of very many costs more than the call
    except OSError:
        return _NOTHING
    if not stat.S_ISDIR(found.st_mode):
        return _NOTHING
    left.spend(1)
    stamp = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
    names = known.get(folder)
    if names is not None and names.stamp == stamp:
        return names
    names = _read(folder, stamp, rules, left)
    # Whoever sets the first of these times cannot set the second.
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _SETTLED_NS:
        if len(known) >= REMEMBERED:
            known.clear()
        known[folder] = names
    return names


def _read(folder: str, stamp: tuple[int, int, int, int], rules: Rules, left: _Budget) -> _Names:
    folders, suspects, links = [], [], []
    try:
        for entry in _entries(folder, left):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_symlink() and rules.leads(entry.name):
                links.append(entry.name)
            if rules.suspects(entry.name):
                suspects.append(entry.name)
    except PermissionError:
        # Who may not list it may still open what is in it by name.
        return _Names(stamp, (), (), (), hidden=True)
    except OSError:
        return _NOTHING
    return _Names(stamp, tuple(folders), tuple(suspects), tuple(links))


def _entries(folder: str, left: _Budget) -> Iterator[os.DirEntry[str]]:
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            count += 1
            if count == _STEP:
                left.spend(count)
                count = 0
            yield entry
    left.spend(count)


def _within(folder: str, names: Iterable[str], roots: list[str]) -> Iterator[str]:
    """What these names in a folder lead to, as far as it lies within the roots."""
    for name in names:
        target = os.path.realpath(f"{folder}/{name}")
        if any(target == root or target.startswith(f"{root}/") for root in roots):
            yield target


def _other_names(found: set[str], roots: Iterable[str], left: _Budget) -> set[str]:
    """The hard links to denied files."""
    linked = {inode for path in found for _, inode in _linked(path, left)}
    if not linked:
        return set()
    return {path for root in roots for path, inode in _linked(root, left) if inode in linked and path not in found}


def _linked(root: str, left: _Budget) -> Iterator[tuple[str, tuple[int, int]]]:
    """The files at or below a path that have more than one name, and which ones they are."""
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                waiting += [entry.path for entry in _entries(path, left)]
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            yield path, (found.st_dev, found.st_ino)
