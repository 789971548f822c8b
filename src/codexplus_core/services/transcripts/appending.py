"""Files that lines are being put behind: open until what was written to them is on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path

from ..paths import private_dir
from .files import FLAGS, ours
from .naming import SUFFIX

MOST_OPEN = 32
"""Files that may be open at the same time."""


@dataclass(slots=True)
class _File:
    handle: int
    identity: tuple[int, int]
    size: int = -1
    """Bytes after our last whole line; where it has others, its last line may be torn."""
    dirty: bool = False


class Appending:
    """The files of one user's folder: 0700, its files 0600.

    What ``append`` took survives a kill of the process; after ``commit`` it survives the machine's end, too, and no
    file is open. For one thread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._fresh = False

    @property
    def full(self) -> bool:
        """Whether it is time for ``commit``, because so many files are open."""
        return len(self._files) >= MOST_OPEN

    @property
    def stems(self) -> frozenset[str]:
        """The files with lines that ``commit`` has to bring to the disk."""
        return frozenset(self._files)

    def append(self, stem: str, data: bytes, *, most: int) -> int:
        """Put whole lines behind a file; return how many bytes.

        Raises OSError where the system does not take them (ENOSPC, too, where the file would have more than ``most``
        bytes) and Problem where the folder is not ours alone. What was written in part is made a line of its own.
        """
        file, size = self._file(stem)
        if size + len(data) > most:
            raise OSError(errno.ENOSPC, f"the transcript would have more than {most} bytes")
        if size and size != file.size and _last_byte(file.handle, size) != b"\n":
            data = b"\n" + data
        file.dirty, file.size = True, -1
        _write(file.handle, data)
        file.size = size + len(data)
        return len(data)

    def commit(self) -> bool:
        """Bring all that was appended to the disk; whether anything was. Raises the first OSError, after all of it."""
        files, self._files = self._files, {}
        fresh, self._fresh = self._fresh, False
        failure: OSError | None = None
        for file in files.values():
            try:
                _close(file)
            except OSError as error:
                failure = failure or error
        if fresh:
            self._sync_names()
        if failure is not None:
            raise failure
        return any(file.dirty for file in files.values())

    def _file(self, stem: str) -> tuple[_File, int]:
        """The file, and its size. Who removed or replaced it meanwhile does not get our lines into nothing."""
        target = self._folder / f"{stem}{SUFFIX}"
        known = self._files.get(stem)
        if known is not None:
            with contextlib.suppress(OSError):
                found = target.stat(follow_symlinks=False)
                if (found.st_dev, found.st_ino) == known.identity:
                    return known, found.st_size
            with contextlib.suppress(OSError):
                _close(self._files.pop(stem))
        private_dir(self._folder, within=self._folder.parent)
        fresh = not target.exists()
        handle = os.open(target, FLAGS, 0o600)
        try:
            found = os.fstat(handle)
            ours(found)
            if hasattr(os, "fchmod") and found.st_mode & 0o077:
                os.fchmod(handle, 0o600)
        except OSError:
            os.close(handle)
            raise
        self._fresh |= fresh
        file = self._files[stem] = _File(handle, (found.st_dev, found.st_ino))
        return file, found.st_size

    def _sync_names(self) -> None:
        if os.name != "posix":
            return
        with contextlib.suppress(OSError):  # some file systems cannot
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _close(file: _File) -> None:
    try:
        if file.dirty:
            getattr(os, "fdatasync", os.fsync)(file.handle)
    finally:
        os.close(file.handle)


def _last_byte(handle: int, size: int) -> bytes:
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1)


def _write(handle: int, data: bytes) -> None:
    # In one call where the system takes it, so that another proxy's line never stands within ours.
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
