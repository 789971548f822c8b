"""A pack's folder, read without following a link: what is listed, opened and compared is what lies there itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .manifest import MOST_FILES, PackError

Stamp = tuple[int, ...]
"""What changes when a file or folder does."""

SETTLED_NS = 2_000_000_000
"""Nanoseconds after which a change is sure to show in a time stamp that was read before it."""
_DEEPEST = 16
_HAS_DESCRIPTORS = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FILE = os.O_RDONLY | _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | _NOFOLLOW | _CLOEXEC | getattr(os, "O_DIRECTORY", 0)


def stamp_of(found: os.stat_result) -> Stamp:
    """The stamp of what ``stat`` told."""
    return (
        found.st_dev, found.st_ino, found.st_mode, found.st_nlink, found.st_size, found.st_mtime_ns, found.st_ctime_ns,
    )  # fmt: skip


def stamp_at(path: Path) -> Stamp:
    """The stamp of what lies there now, links not followed; empty where nothing does."""
    try:
        return stamp_of(path.lstat())
    except OSError:
        return ()


def stamps_below(root: Path) -> dict[Path, Stamp]:
    """The stamps of a folder and of all that lies in it, as far as a pack may be large; links are not followed."""
    found = {root: stamp_at(root)}
    for above, folders, files in os.walk(root, followlinks=False):
        for name in (*folders, *files):
            path = Path(above, name)
            found[path] = stamp_at(path)
        if len(found) > 2 * MOST_FILES:
            break
    return found


class Folder:
    """A folder that is read once. ``stamps`` are those of everything that was opened or listed, from before it was."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stamps: dict[Path, Stamp] = {}

    def read(self, path: str, most: int, *, larger: str = "", missing: str = "") -> bytes:
        """The bytes of a regular file with no other name.

        Raises PackError; ``larger`` are its words for too many bytes, ``missing`` those for a file that is not there.
        """
        full = self.root.joinpath(*path.split("/"))
        try:
            with self._opened(path, full) as handle:
                found = os.fstat(handle)
                if not stat.S_ISREG(found.st_mode):
                    raise PackError(f"{path} is no regular file; a pack has no links, pipes and devices")
                if found.st_nlink > 1:
                    raise PackError(f"{path} has a second name (a hard link), under which it could be changed; copy it")
                self.stamps[full] = stamp_of(found)
                with os.fdopen(os.dup(handle), "rb") as file:
                    data = file.read(most + 1)
        except FileNotFoundError:
            raise PackError(missing or f"{path} is missing") from None
        except OSError as error:
            # A link is not followed, which the system calls by several names.
            link = full.is_symlink()
            why = "is a link; a pack has none" if link else f"cannot be read ({error.strerror}); make it readable"
            raise PackError(f"{path} {why}") from None
        if len(data) > most:
            raise PackError(larger or f"{path} is larger than it may be ({most} bytes)")
        return data

    def names(self, *, without: frozenset[str] = frozenset()) -> Iterator[str]:
        """Every entry below that is no folder, links and devices among them; ``without`` are passed over at the top.

        Raises PackError.
        """
        yield from self._names("", 0, without)

    def _names(self, above: str, depth: int, without: frozenset[str]) -> Iterator[str]:
        if depth > _DEEPEST:
            raise PackError(f"{above} lies more than {_DEEPEST} folders deep")
        full = self.root.joinpath(*above.split("/")) if above else self.root
        try:
            with self._opened(above, full, folder=True) as handle:
                found = os.fstat(handle) if handle >= 0 else full.lstat()
                self.stamps[full] = stamp_of(found)
                with os.scandir(handle if handle >= 0 else full) as entries:
                    listed = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in entries)
        except OSError as error:
            raise PackError(f"{above or self.root} cannot be listed ({error.strerror})") from None
        if len(listed) > 2 * MOST_FILES:
            raise PackError(f"{above or self.root} holds more than {2 * MOST_FILES} names")
        for name, is_folder in listed:
            if not above and name in without:
                continue
            path = f"{above}/{name}" if above else name
            if is_folder:
                yield from self._names(path, depth + 1, without)
            else:
                yield path

    @contextmanager
    def _opened(self, path: str, full: Path, *, folder: bool = False) -> Iterator[int]:
        """A descriptor, -1 for a folder where folders have none (Windows)."""
        if not _HAS_DESCRIPTORS:
            # Without descriptors of folders the way there is compared instead; it is checked again once it is open.
            _no_links(self.root, full)
            handle = -1 if folder else os.open(full, _FILE)
        else:
            handle = _walked(self.root, [part for part in path.split("/") if part], _FOLDER if folder else _FILE)
        try:
            if not _HAS_DESCRIPTORS:
                _no_links(self.root, full)
            yield handle
        finally:
            if handle >= 0:
                os.close(handle)


def _walked(root: Path, parts: list[str], how: int) -> int:
    handle = os.open(root, _FOLDER)
    for number, part in enumerate(parts):
        try:
            below = os.open(part, how if number == len(parts) - 1 else _FOLDER, dir_fd=handle)
        finally:
            os.close(handle)
        handle = below
    return handle


def _no_links(root: Path, full: Path) -> None:
    expected = Path(os.path.realpath(root), full.relative_to(root))
    if os.path.normcase(os.path.realpath(full)) != os.path.normcase(expected):
        raise PackError(f"{full} leads elsewhere; a pack has no links")


def settled(stamps: Mapping[Path, Stamp], now_ns: int) -> bool:
    """Whether a change from now on is sure to show in one of these stamps."""
    return all(now_ns - max(stamp[-2:], default=0) > SETTLED_NS for stamp in stamps.values())
