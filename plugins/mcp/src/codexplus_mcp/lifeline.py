"""Keeping a server connected: opened when needed, later and later after failures, let go when nobody uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from codexplus_core import Core

from .failure import Unavailable
from .link import Link
from .server import Server
from .server_log import ServerLog
from .trust import Trust

BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before the next start, by the number of failures in a row."""


class Lifeline:
    """The one link of a server at a time. ``on_change`` hears which list may have changed, ``""`` for all of them.

    ``idle_seconds`` after its last use a program is ended; a remote server costs nothing and stays. ``clock`` gives
    seconds that only grow.
    """

    def __init__(
        self,
        core: Core,
        server: Server,
        trust: Trust,
        log: ServerLog,
        *,
        start_seconds: float,
        idle_seconds: float,
        on_change: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._core = core
        self._server = server
        self._trust = trust
        self._log = log
        self._start_seconds = start_seconds
        self._idle_seconds = idle_seconds
        self._on_change = on_change
        self._clock = clock
        self._link: Link | None = None
        self._opening: asyncio.Task[Link] | None = None
        self._not_before = 0.0
        self._in_use = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.starts = 0
        self.closed = False

    @property
    def link(self) -> Link | None:
        """The link, while there is one that can be used."""
        return self._link if self._link is not None and self._link.alive else None

    @property
    def opening(self) -> bool:
        """Whether it is being opened."""
        return self._opening is not None

    async def linked(self) -> Link:
        """The link, opened if need be. Raises NotAllowed, NeedsLogin and Unavailable."""
        if self.closed:
            # A request that lost its link to the end would start the program again, with nobody left to end it.
            raise Unavailable(f"MCP server {self._server.name}: was closed")
        if self.link is not None:
            return self.link
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name=f"mcp start of {self._server.name}")
            self._opening.add_done_callback(self._opened)
        # Whoever asked first may go; the others still want it.
        return await asyncio.shield(self._opening)

    async def forget(self, link: Link, why: str) -> None:
        """Do without a broken link; its end goes on by itself, once it has said why."""
        if self._link is link:
            self._link = None
        await link.fail(why)
        self._later(link.close(), "end")

    def failed(self, times: int) -> None:
        """It failed so many times in a row: the next start waits."""
        self._not_before = self._clock() + BACK_OFF_S[min(times, len(BACK_OFF_S)) - 1] if times else 0.0

    def __enter__(self) -> None:
        """It is used now."""
        self._in_use += 1

    def __exit__(self, *_: object) -> None:
        self._in_use -= 1
        if self._server.is_remote or self.link is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._rest)

    async def close(self) -> None:
        """End it for good."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        await self._let_go()
        if self._ending:
            await asyncio.wait(set(self._ending))

    def _opened(self, task: asyncio.Task[Link]) -> None:
        self._opening = None
        if not task.cancelled() and task.exception() is None:
            self._link = task.result()

    async def _open(self) -> Link:
        await self._trust.allow(self._server)
        await self._let_go()
        wait = self._not_before - self._clock()
        if wait > 0:
            await asyncio.sleep(wait)
        self.starts += 1
        self._log.note(f"start {self.starts}")
        link = Link(self._core, self._server, self._log, self._on_change)
        await link.open(self._start_seconds)
        self._on_change("")
        return link

    async def _let_go(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def _rest(self) -> None:
        if not self._in_use and self._link is not None:
            self._log.note(f"ended after {self._idle_seconds:g} s without use")
            self._later(self._let_go(), "rest")

    def _later(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"mcp {what} of {self._server.name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
