"""The files of one stream: opened, recovered, appended to, rotated and in the end removed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Problem

from .chain import BadLine, Link, open_line
from .lock import Lock, lock

SUFFIX = ".jsonl"
MOST_STREAMS = 64
"""Processes of one user that may keep account at the same time, for each kind."""
_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_ROTATED = re.compile(r"(?P<stream>[a-z]+(?:-[0-9]{1,2})?)\.(?P<through>[0-9]{12})\.jsonl", re.ASCII)
_CURRENT = re.compile(r"(?P<stream>[a-z]+(?:-[0-9]{1,2})?)\.jsonl", re.ASCII)
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Torn:
    """The part of a line that a crash left behind, and where it is kept now."""

    name: str
    bytes: int


def stream_files(folder: Path) -> dict[str, list[Path]]:
    """The files of every stream in a folder, each stream's in the order of its records. Raises Problem."""
    found: dict[str, list[tuple[int, Path]]] = {}
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise Problem(f"{folder}: the audit log cannot be read ({error.strerror})") from error
    for name in names:
        if match := _ROTATED.fullmatch(name):
            found.setdefault(match["stream"], []).append((int(match["through"]), folder / name))
        elif match := _CURRENT.fullmatch(name):
            found.setdefault(match["stream"], []).append((10**12, folder / name))
    return {stream: [path for _, path in sorted(files)] for stream, files in found.items()}


def through(path: Path) -> int | None:
    """The last number in a rotated file, by its name; None for the one that is being written."""
    match = _ROTATED.fullmatch(path.name)
    return None if match is None else int(match["through"])


class Files:
    """One stream's files in a folder. Every method raises OSError where the system does not do it. For one thread."""

    def __init__(self, folder: Path, kind: str) -> None:
        """Take the first stream of this kind that no other process writes. Raises Problem where there is none."""
        self.folder = folder
        self.stream, self._lock = _take(folder, kind)
        self.path = folder / f"{self.stream}{SUFFIX}"
        self.torn: Torn | None = None
        self._handle = -1
        self._identity = (0, 0)
        self.size = 0

    def open(self) -> Link | None:
        """Open the file; the newest record of the stream, None where it has none. A torn line is set aside."""
        fresh = not self.path.exists()
        handle = os.open(self.path, _FLAGS | os.O_CREAT, 0o600)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                raise OSError(errno.EPERM, "is no plain file of ours", str(self.path))
            if hasattr(os, "fchmod") and found.st_mode & 0o077 & ~0o040:
                os.fchmod(handle, 0o600)
            self.size = self._set_aside(handle, found.st_size)
        except BaseException:
            os.close(handle)
            raise
        self._handle, self._identity = handle, (found.st_dev, found.st_ino)
        if fresh:
            self.sync_names()
        last = last_link(self.path)
        if last is not None:
            return last
        before = stream_files(self.folder).get(self.stream, [])
        return next((link for path in reversed(before) if (link := last_link(path)) is not None), None)

    def is_there(self) -> bool:
        """Whether what is written still goes into the file of this name, and to its end."""
        try:
            found = self.path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity and found.st_size == self.size

    def append(self, data: bytes) -> None:
        """Put whole lines behind the file, all of them or none."""
        if self._handle < 0:
            self.open()  # a rotation got stuck in the midst
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError:
            # Half a line must not stay; where even that fails the next start sets it aside.
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self.size)
            raise
        self.size += len(data)

    def sync(self) -> None:
        """Bring what was appended to the disk."""
        getattr(os, "fdatasync", os.fsync)(self._handle)

    def rotate(self, sequence: int) -> None:
        """Begin a new file; the old one is named by its last record's number."""
        self.sync()
        self._close()
        self.path.rename(self.folder / f"{self.stream}.{sequence:012d}{SUFFIX}")
        self.open()

    def close(self) -> None:
        """Let go of the stream."""
        self._close()
        self._lock.release()

    def reopen(self) -> None:
        """Begin a new file where the old one was removed or replaced."""
        self._close()
        self.open()

    def sync_names(self) -> None:
        """Bring the names of the files to the disk."""
        if os.name != "posix":
            return
        with contextlib.suppress(OSError):  # some file systems cannot
            handle = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _close(self) -> None:
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def _set_aside(self, handle: int, size: int) -> int:
        end = _end_of_lines(handle, size)
        if end == size:
            return size
        self.torn = Torn(f"{self.stream}.torn-{size}-{os.urandom(4).hex()}", size - end)
        kept = os.open(self.folder / self.torn.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.lseek(handle, end, os.SEEK_SET)
            os.write(kept, os.read(handle, min(size - end, 1 << 20)))
            os.fsync(kept)
        finally:
            os.close(kept)
        os.ftruncate(handle, end)
        return end


def _take(folder: Path, kind: str) -> tuple[str, Lock]:
    for number in range(1, MOST_STREAMS + 1):
        stream = kind if number == 1 else f"{kind}-{number}"
        try:
            held = lock(folder / f".{stream}.lock")
        except OSError as error:
            raise Problem(f"{folder}: the audit log cannot be written ({error.strerror}); make it writable") from error
        if held is not None:
            return stream, held
    raise Problem(f"{folder}: {MOST_STREAMS} processes write the audit log already")


def _end_of_lines(handle: int, size: int) -> int:
    """Where the last whole line ends."""
    at = size
    while at > 0:
        begin = max(0, at - _BLOCK)
        os.lseek(handle, begin, os.SEEK_SET)
        found = os.read(handle, at - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0


def last_link(path: Path) -> Link | None:
    """The newest record of a file; lines behind it that are none stay for `verify` to find."""
    with path.open("rb") as file:
        end, rest = file.seek(0, os.SEEK_END), b""
        while end > 0:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            lines = (file.read(end - begin) + rest).split(b"\n")
            for line in reversed(lines[1:] if begin else lines):
                with contextlib.suppress(BadLine):
                    return open_line(line)
            rest, end = lines[0], begin
    return None
