"""Long outputs of shell commands: the prompt gets the beginning and the name of a file that holds all of it.

The files are the user's alone and go as transcripts do: by their age, and the oldest first where they take much room.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG

from codexplus_core import ActionDenied, Core, Problem, Session

INLINE_CHARS = 30_000
"""Characters of an output that stand in the prompt; what is longer is kept in a file, and its beginning shown."""
PREVIEW_CHARS = 2000
KEEP_DAYS = 30
"""Days that such a file stays where ``transcripts.keepDays`` says nothing else."""
MOST_BYTES = 64 << 20
"""Bytes of all of them; ``transcripts.maxMegabytes`` can say less."""
_MOST_FILES = 1000
_LOOKED_AT = 20_000


async def placed(core: Core, text: str, session: Session) -> str:
    """The text that takes a command's place; a long output is written to a file of the user's, and that is named."""
    if len(text) <= INLINE_CHARS:
        return text
    data = text.encode("utf-8", "replace")
    shown = text[:PREVIEW_CHARS]
    end = shown.rfind("\n")
    # A whole line, if that does not cost half of what can be shown.
    shown = shown[:end] if end > PREVIEW_CHARS // 2 else shown
    thread = "".join(char for char in session.thread_id if char.isalnum() or char == "-")[:64] or "thread"
    name = f"{thread}/{secrets.token_hex(8)}.txt"
    folder = state_folder() / "tool-results"
    try:
        path = await core.files.save_new(folder, name, data, source="a shell inclusion")
        kept = f"Full output saved to: {path}"
    except (Problem, ActionDenied) as problem:
        kept = f"The full output was not saved: {problem}"
    await asyncio.to_thread(sweep, folder, before=time.time() - _days(core) * 86400.0, most=_bytes(core))
    return (
        f"<persisted-output>\nOutput too large ({_size(len(data))}). {kept}\n\n"
        f"Preview (first 2KB):\n{shown}\n...\n</persisted-output>"
    )


def state_folder() -> Path:
    """The user's folder for what codex-plus keeps."""
    return Path(os.environ.get("CODEX_PLUS_HOME") or Path.home() / ".codexplus")


def sweep(folder: Path, *, before: float, most: int) -> int:
    """Remove outputs written before ``before``, then the oldest until all take ``most`` bytes; return how many.

    The newest stays in any case. Links are neither followed nor touched; what cannot be removed is left.
    """
    found = sorted(_outputs(folder), reverse=True)
    total = removed = 0
    for at, (written, size, path) in enumerate(found):
        total += size
        if at == 0 or (written >= before and total <= most and at < _MOST_FILES):
            continue
        with contextlib.suppress(OSError):
            Path(path).unlink()
            removed += 1
    for thread in {Path(path).parent for _, _, path in found}:
        with contextlib.suppress(OSError):
            thread.rmdir()  # succeeds where nothing is left in it
    return removed


def _outputs(folder: Path) -> Iterator[tuple[float, int, str]]:
    left = _LOOKED_AT
    for thread in _entries(folder):
        if not thread.is_dir(follow_symlinks=False):
            continue
        for entry in _entries(Path(thread.path)):
            left -= 1
            if left < 0:
                return
            with contextlib.suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                if S_ISREG(found.st_mode) and entry.name.endswith(".txt"):
                    yield found.st_mtime, found.st_size, entry.path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _days(core: Core) -> float:
    value = core.config.for_project(None).get("transcripts.keepDays", KEEP_DAYS)
    return max(float(value), 0.0) if isinstance(value, int | float) else float(KEEP_DAYS)


def _bytes(core: Core) -> int:
    value = core.config.for_project(None).get("transcripts.maxMegabytes", None)
    return min(int(value) << 20, MOST_BYTES) if isinstance(value, int | float) and value >= 0 else MOST_BYTES


def _size(count: int) -> str:
    return f"{count / 1024:.1f}".removesuffix(".0") + "KB"
