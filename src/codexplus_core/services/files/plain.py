"""Reading one regular file, bounded, without following a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# Names that Windows does not have; there is nothing to guard against where they are missing.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
LIMIT = 8 * 1024 * 1024
"""Bytes that are read of one file."""


class CannotOpen(Exception):
    """A named file that is not read; the message says which, why and what to do."""


def read_file(path: Path, *, limit: int = LIMIT) -> bytes:
    """The bytes of a regular file. Raises CannotOpen for anything else, for links, and over ``limit`` bytes.

    The judgement is made on the opened file, so nothing can be swapped in between, and a FIFO or device never blocks.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = (getattr(error, "strerror", None) or "cannot be opened").lower()
        raise CannotOpen(f"{path}: {why}; name a readable file") from None
    return read_opened(handle, str(path), limit)


def read_opened(handle: int, name: str, limit: int) -> bytes:
    """The bytes of an opened file, which is closed. Raises CannotOpen for no regular file and over ``limit`` bytes."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        # Before a file object is made of it: that would refuse a folder in other words.
        os.close(handle)
        raise CannotOpen(f"{name}: no regular file; name a file with text")
    with os.fdopen(handle, "rb") as file:
        # A sparse file takes no room on the disk, but all of it in memory.
        if found.st_size > limit:
            raise CannotOpen(f"{name}: larger than {limit} bytes; name a smaller file")
        try:
            data = file.read(limit + 1)
        except OSError as error:
            why = (error.strerror or "cannot be read").lower()
            raise CannotOpen(f"{name}: {why}; name a readable file") from None
    if len(data) > limit:
        raise CannotOpen(f"{name}: larger than {limit} bytes; name a smaller file")
    return data
