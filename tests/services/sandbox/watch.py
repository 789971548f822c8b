"""Whether a process is still there: it holds a FIFO open, whose other end is watched."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from services.sandbox.conftest import BOUND

# A daemon that ignores what can be ignored and holds the FIFO open; whoever reads that sees its end.
DAEMON = """
import os, signal, sys, time
alive = os.open(sys.argv[1], os.O_WRONLY)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
        os.write(alive, b"%d\\n" % os.getpid())
        for fd in (0, 1, 2): os.close(fd)
        while True: time.sleep(1000)
    os._exit(0)
os.wait()
"""


class Watch:
    """The other end of the FIFO: what was written, and when nobody has it open any more."""

    def __init__(self, path: Path) -> None:
        self._at = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._path = path

    async def line(self) -> bytes:
        """The first line."""
        return await self._until(lambda data: b"\n" in data, ignore_end=True)

    async def end(self) -> None:
        """Until everybody who had it open is gone."""
        await self._until(lambda data: False, ignore_end=False)
        os.close(self._at)

    async def _until(self, enough: Any, *, ignore_end: bool) -> bytes:
        seen = b""
        async with asyncio.timeout(BOUND):
            while True:
                try:
                    part = os.read(self._at, 4096)
                except BlockingIOError:
                    part = b""
                else:
                    if not part and not ignore_end:
                        return seen
                seen += part
                if enough(seen):
                    return seen
                await asyncio.sleep(0.01)
