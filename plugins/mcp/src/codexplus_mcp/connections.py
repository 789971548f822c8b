"""All connections of one proxy: one for each server, whoever uses it."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Mapping
from pathlib import Path

from codexplus_core import Core, state_dir

from .connection import IDLE_S, Connection
from .names import plain
from .recent import Recent
from .server import Server
from .server_log import ServerLog
from .trust import Trust

START_S = 30.0
"""Seconds that a server has from its start to the end of the handshake."""
MOST = 500
"""Connections that are remembered although they are not connected."""
_LONGEST_S = 600.0


class Connections:
    """``get(server)`` starts nothing; the connection's first call does. Close it in the end.

    ``trust`` asks the user about a project's servers and remembers the answer.
    """

    def __init__(self, core: Core, env: Mapping[str, str] | None = None) -> None:
        self._core = core
        self._env = os.environ if env is None else env
        self._all: dict[str, Connection] = {}
        self._digests: Recent[tuple[str, Path | None], str] = Recent()
        self._ending: set[asyncio.Task[None]] = set()
        self.trust = Trust(core)

    def get(self, server: Server) -> Connection:
        """The connection of a server. One whose entry was changed is another server; the one before it is ended."""
        place = (server.name, server.project)
        before = self._digests.get(place)
        self._digests[place] = server.digest
        if before is not None and before != server.digest and before not in self._digests.values():
            self._retire(before)
        found = self._all.get(server.digest)
        if found is not None and (found.server.standing != server.standing or not self.trust.holds(server)):
            # The same command, but the user does not trust it any more, or not unasked.
            self._retire(server.digest)
            found = None
        if found is None:
            found = self._all[server.digest] = self._made(server)
            self._trim()
        return found

    def known(self, server: Server) -> Connection | None:
        """The connection if there already is one, for listings."""
        return self._all.get(server.digest)

    def end(self, server: Server) -> None:
        """End a server that runs; whoever needs it again starts it anew."""
        self._retire(server.digest)

    async def close(self) -> None:
        """End all servers, at the same time."""
        tasks = [
            asyncio.create_task(each.close(), name=f"mcp end of {each.server.name}") for each in self._all.values()
        ]
        self._all.clear()
        self._digests.clear()
        if tasks or self._ending:
            await asyncio.wait({*tasks, *self._ending})

    def _made(self, server: Server) -> Connection:
        folder = state_dir(self._env) / "logs"
        secrets = [*server.env.values(), *server.headers.values()]
        log = ServerLog(folder / f"mcp-{plain(server.name)[:60]}-{server.digest[:8]}.log", secrets=secrets)
        return Connection(
            self._core,
            server,
            self.trust,
            log,
            start_seconds=self._start_seconds(),
            idle_seconds=_number(self._core.config.user.get("mcp.idleSeconds"), IDLE_S, 86400.0),
        )

    def _start_seconds(self) -> float:
        """What the user's settings say, else Claude Code's variable, which has milliseconds."""
        try:
            milliseconds = float(self._env.get("MCP_TIMEOUT", ""))
        except ValueError:
            milliseconds = math.nan
        said = _number(milliseconds / 1000, START_S, _LONGEST_S)
        return _number(self._core.config.user.get("mcp.startTimeout"), said, _LONGEST_S)

    def _trim(self) -> None:
        """Let go of those that were made longest ago and do nothing: every project makes its own."""
        spare = len(self._all) - MOST
        idle = [digest for digest, one in self._all.items() if one.state in ("idle", "failed", "needs approval")]
        for digest in idle[: max(0, spare)]:
            self._retire(digest)

    def _retire(self, digest: str) -> None:
        old = self._all.pop(digest, None)
        if old is None:
            return
        task = asyncio.get_running_loop().create_task(old.close(), name=f"mcp end of {old.server.name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _number(value: object, default: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return default
    return min(float(value), most)
