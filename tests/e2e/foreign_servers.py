"""MCP servers that nobody here wrote: where they are installed, their entries, and one that listens on a port."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ports import held_port

FOLDER = "CODEX_PLUS_E2E_MCP"
"""Names the folder that `nox -s e2e` installs them into: npm's ``node_modules``, and ``python``."""
START_S = 40.0


def program(name: str) -> str:
    """The path of an installed server."""
    folder = Path(
        os.environ.get(FOLDER) or pytest.skip(f"{FOLDER} names no folder of MCP servers; nox -s e2e makes it")
    )
    found = [path for path in (folder / "node_modules/.bin" / name, folder / "python/bin" / name) if path.exists()]
    assert found, f"{folder}: {name} is not installed"
    return str(found[0])


def entries(project: Path) -> dict[str, dict[str, Any]]:
    """The entries of all of them over stdio, as an ``mcpServers`` has them."""
    return {
        "everything": {"command": program("mcp-server-everything"), "args": ["stdio"]},
        "files": {"command": program("mcp-server-filesystem"), "args": [str(project)]},
        "git": {"command": program("mcp-server-git")},
        "time": {"command": program("mcp-server-time")},
        "fetch": {"command": program("mcp-server-fetch"), "args": ["--ignore-robots-txt", "--allow-private-ips"]},
    }


class Everything:
    """``server-everything`` on a port: ``streamableHttp`` or ``sse``."""

    def __init__(self, kind: str, port: int) -> None:
        self.kind = kind
        self.port = port
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry."""
        http = self.kind == "streamableHttp"
        path = "mcp" if http else "sse"
        return {"type": "http" if http else "sse", "url": f"http://127.0.0.1:{self.port}/{path}"}

    async def start(self) -> None:
        """Return when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            program("mcp-server-everything"), self.kind, env={**os.environ, "PORT": str(self.port)},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        ready = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(ready), name="server-everything")
        async with asyncio.timeout(START_S):
            await ready.wait()

    async def kill(self) -> None:
        """``kill -9``."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if self._listening is not None:
            await self._listening

    async def _listen(self, ready: asyncio.Event) -> None:
        # All that it says has to be read, or it would stand still once the pipe is full.
        assert self._process is not None and self._process.stderr is not None
        async for line in self._process.stderr:
            if f"on port {self.port}".encode() in line:
                ready.set()


@asynccontextmanager
async def everything(kind: str) -> AsyncIterator[Everything]:
    """Run it."""
    with held_port() as port:
        one = Everything(kind, port)
        try:
            await one.start()
            yield one
        finally:
            await one.kill()
