"""How the process keeps memory that requests have used, and when it gives it back."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_LINUX = sys.platform.startswith("linux")
# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def keep_memory() -> None:
    """Keep what is freed, for the next request.

    One of a megabyte is several buffers of that size. glibc gives each back to the system and faults it in again for
    the next one, which costs as much CPU as all else that such a request needs.
    """
    if not _LINUX:
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_M_MMAP_THRESHOLD, 32 << 20), (_M_TRIM_THRESHOLD, 64 << 20), (_M_TOP_PAD, 4 << 20)):
            mallopt(option, value)


def give_memory_back() -> None:
    """Give the system what is kept, for a time in which nothing is asked; takes milliseconds."""
    if not _LINUX:
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
