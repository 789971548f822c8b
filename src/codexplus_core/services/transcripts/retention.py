"""How long transcripts are kept, and how much room they take."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .naming import SUFFIX

EXPORTS = (".json", ".md")
"""Endings of exports under a session's own name; they go with its transcript."""
_MOST = 100_000


def sweep(folder: Path, *, before: float, most: int, keep: frozenset[str]) -> int:
    """Remove transcripts untouched since ``before``, then the oldest until all take ``most`` bytes; return how many.

    Those of the sessions in ``keep`` (by the stem of their file) stay. Nothing but transcripts and their exports is
    touched; what cannot be removed is left.
    """
    found: list[tuple[float, int, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False) and len(found) < _MOST:
                    with contextlib.suppress(OSError):
                        stat = entry.stat(follow_symlinks=False)
                        found.append((stat.st_mtime, stat.st_size, entry.name.removesuffix(SUFFIX)))
    except OSError:
        return 0
    total, removed = sum(size for _, size, _ in found), 0
    for touched, size, stem in sorted(found):
        if stem in keep or (touched >= before and total <= most):
            continue
        with contextlib.suppress(OSError):
            for ending in (SUFFIX, *EXPORTS):
                (folder / f"{stem}{ending}").unlink(missing_ok=True)
            total -= size
            removed += 1
    return removed
