"""Grants turned into rules about the files that are there now."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from .denied import Rules, Search
from .grants import Grants, is_protected
from .launcher.order import RuleKind
from .level import SandboxRefused

MATCHES = 2000
"""How many files a pattern may name, and how many rules a directory with hidden or protected parts may need."""

DEPTH = 3
"""How deep below a writable directory protected names are looked for; deeper ones are not protected."""


@dataclass(slots=True)
class Access:
    """Rules for the launcher; all paths are real ones."""

    rules: list[tuple[RuleKind, str]] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    writable: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)

    def remove_unused(self) -> None:
        """Remove what was made so that it could be granted, and was not used."""
        for path in reversed(self.made):
            try:
                if path.is_dir():
                    path.rmdir()
                elif path.stat().st_size == 0:
                    path.unlink()
            except OSError:
                continue


def expand(grants: Grants, named: Iterable[Path], search: Search, *, can_mask: bool) -> Access:
    """The rules for the project's files and the user's; makes what may be written and is not there yet.

    ``named`` are files of the project that the command names, readable with it. ``search`` finds what is denied in all
    of that. ``can_mask`` says whether hidden paths can be mounted over; else what holds them is granted piece by piece.
    Raises SandboxRefused where that would need too many rules, or too long a search.
    """
    access = Access()
    try:
        _fill(access, grants, named, search, can_mask=can_mask)
    except BaseException:
        access.remove_unused()
        raise
    return access


def _fill(access: Access, grants: Grants, named: Iterable[Path], search: Search, *, can_mask: bool) -> None:
    project = Path(os.path.realpath(grants.project)) if grants.project is not None else None
    readable = _readable(grants, named, project)
    targets: list[str] = [str(project)] if grants.write_repo and project is not None else []
    for pattern in grants.write:
        found = [path for path in _matches(pattern, grants, project) if not _is_in_protected(path, project)]
        targets += found or _make(pattern, grants, project, access)
    access.writable = outermost(targets)
    denied = _denied_in([*readable, *targets], grants.unreadable, search)
    kept = _denied_in(targets, grants.unwritable, search)
    masks = sorted({os.path.realpath(path) for path in grants.masked} | denied)
    hidden = [] if can_mask else masks
    for path in readable:
        access.rules += _carved("read", path, hidden)
    for target in access.writable:
        _grant_writing(access, target, hidden, kept, str(project) if project is not None else "")
    if can_mask:
        # What nothing grants is refused as it is; a mask would make it look like an empty file.
        granted = {path for _, path in access.rules}
        access.masks = [path for path in masks if any(is_below(path, each) or is_below(each, path) for each in granted)]


def _readable(grants: Grants, named: Iterable[Path], project: Path | None) -> list[str]:
    """What may be read, by its real paths."""
    found = [str(project)] if grants.read_repo and project is not None else []
    found += [str(file) for file in named]
    for pattern in grants.read:
        found += _matches(pattern, grants, project)
    return found


def readable_and_denied(grants: Grants, search: Search) -> set[str]:
    """What the grants would give to read although a rule denies it. Raises SandboxRefused."""
    project = Path(os.path.realpath(grants.project)) if grants.project is not None else None
    paths = _readable(replace(grants, read=(*grants.read, *grants.write)), (), project)
    return _denied_in(paths, grants.unreadable, search)


def _denied_in(paths: list[str], rules: Rules | None, search: Search) -> set[str]:
    """What a rule denies in these. Raises SandboxRefused where it cannot be told, or where there is too much of it."""
    if rules is None or not paths:
        return set()
    found = search.below(outermost(paths), rules)
    if len(found) > MATCHES:
        raise SandboxRefused(
            f"more than {MATCHES} files that the program may use are denied to it; deny their folders instead"
        )
    return found


def _grant_writing(access: Access, target: str, hidden: list[str], kept: set[str], project: str) -> None:
    protected = [*_protected(target, DEPTH), *(path for path in sorted(kept) if is_below(path, target))]
    access.frozen += protected
    hidden = sorted({*hidden, *protected})
    if not project or not is_below(project, target):
        access.rules += _carved("write", target, hidden)
        return
    # With a right on the project's directory itself, a protected name that is not there yet could be made in it.
    access.rules += _carved("write", target, [*hidden, project])
    access.rules.append(("list", project))
    for entry in _entries(project):
        access.rules += _carved("write", entry.path, hidden)


def _is_in_protected(path: str, project: Path | None) -> bool:
    below = Path(path).relative_to(project) if project is not None and is_below(path, str(project)) else Path(path)
    return any(is_protected(part) for part in below.parts)


def _matches(pattern: str, grants: Grants, project: Path | None) -> list[str]:
    """The real paths a pattern names now; what it reaches through links that lead out of its root does not count."""
    if pattern.startswith("~/"):
        root, below = str(grants.home), pattern[2:]
    elif pattern.startswith("/"):
        root, below = "/", pattern[1:]
    else:
        assert project is not None
        root, below = str(project), pattern
    root = os.path.realpath(root)
    whole = below.endswith("/**") or below == "**"
    below = below.removesuffix("**").rstrip("/")
    if not below:
        return [root]
    try:
        found = [os.path.realpath(path) for path in islice(Path(root).glob(below), MATCHES + 1)]
    except ValueError as error:
        raise SandboxRefused(f"{pattern}: is no pattern ({error}); write ** between slashes only") from error
    if len(found) > MATCHES:
        raise SandboxRefused(f"{pattern}: names more than {MATCHES} files; name a directory, such as {below[:1]}…/**")
    kept = [path for path in dict.fromkeys(found) if is_below(path, root)]
    return [path for path in kept if not whole or Path(path).is_dir()]


def _make(pattern: str, grants: Grants, project: Path | None, access: Access) -> list[str]:
    """Make the one file or directory that a pattern without wildcards names, so that it can be granted."""
    whole = pattern.endswith(("/**", "/"))
    plain = pattern.removesuffix("**").rstrip("/")
    if glob.has_magic(plain) or not plain:
        return []
    if plain.startswith("~/"):
        path = Path(os.path.realpath(grants.home)) / plain[2:]
    elif project is not None and not plain.startswith("/"):
        path = project / plain
    else:
        path = Path(plain)
    # A link in the way would have it made somewhere else.
    if os.path.realpath(path.parent) != str(path.parent) or os.path.lexists(path):
        return []
    try:
        if whole:
            path.mkdir()
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    except OSError:
        return []
    access.made.append(path)
    return [str(path)]


def _carved(kind: RuleKind, root: str, hidden: list[str]) -> Iterator[tuple[RuleKind, str]]:
    """Rules for all of ``root`` but the hidden paths in it; names of directories that hold some can be listed."""
    count = 0
    waiting = [root]
    while waiting:
        path = waiting.pop()
        if any(is_below(path, each) for each in hidden):
            continue
        if not any(is_below(each, path) for each in hidden):
            count += 1
            if count > MATCHES:
                raise SandboxRefused(
                    f"{root}: has hidden or protected files in it and too many others to grant one by one;"
                    " declare smaller directories"
                )
            yield kind, path
            continue
        yield "list", path
        waiting += [entry.path for entry in _entries(path)]


def _protected(directory: str, depth: int) -> Iterator[str]:
    """Protected names below a directory."""
    seen = 0
    waiting = [(directory, depth)]
    while waiting and seen < MATCHES:
        path, left = waiting.pop()
        for entry in _entries(path):
            seen += 1
            if is_protected(entry.name):
                yield entry.path
            elif left > 1 and entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, left - 1))


def _entries(path: str) -> list[os.DirEntry[str]]:
    """What a directory holds, without symbolic links: what they lead to has rules of its own or none."""
    try:
        with os.scandir(path) as found:
            return [entry for entry in found if not entry.is_symlink()]
    except OSError:
        return []


def is_below(path: str, directory: str) -> bool:
    """Whether ``path`` is ``directory`` or in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def outermost(paths: Iterable[str]) -> list[str]:
    """Those of the paths that lie in no other of them."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not any(is_below(path, each) for each in found):
            found.append(path)
    return found
