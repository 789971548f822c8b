"""Whether a process still runs, and the wait for its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

BOUND = 30.0


def alive(pid: int | str) -> bool:
    """False for a zombie too: another parent's still has an entry, but it runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before the file was opened, or before it was read
        return False


async def until_gone(pid: int | str) -> None:
    """Return when it runs no more."""
    async with asyncio.timeout(BOUND):
        while alive(pid):
            await asyncio.sleep(0.01)
