"""When Notification comes: at a permission request, at the end of a turn, and when nobody types for a minute."""

from __future__ import annotations

import asyncio
import contextvars
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from codexplus_core import Exchange, Session

from .events import notification
from .events.notification import IDLE, PERMISSION, TURN_ENDED
from .firing import Firing, Where
from .hook_set import HookSet
from .surroundings import where_of

IDLE_S = 60.0
"""Seconds after a turn's end without a new prompt."""
WAITING = 256
"""Sessions that are waited for; of more, the one that has waited longest is let go."""
AT_ONCE = 8
"""Notifications under way; further ones are dropped, a hanging hook must not pile them up."""


class Notifications:
    """Fires them beside the conversation: nothing waits for these hooks.

    ``sleep`` waits for seconds; a test hands in its own.
    """

    def __init__(
        self,
        firing: Firing,
        *,
        idle_s: float = IDLE_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._firing = firing
        self._idle_s = idle_s
        self._sleep = sleep
        self._waiting: OrderedDict[str, asyncio.Task[None]] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    def permission(self, where: Where, tool: str = "") -> None:
        """Codex asks its user for a permission; ``tool`` is the tool in Claude's words."""
        if self._hooked(where):
            self._start(self._fire(where, PERMISSION, tool))

    def answered(self, event: str, payload: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
        """An event of Codex's own hooks was answered: a permission that no hook decided about is the user's matter."""
        decided = (answer or {}).get("hookSpecificOutput")
        if event != "PermissionRequest" or (isinstance(decided, Mapping) and decided.get("decision")):
            return
        id, cwd, tool = (str(payload.get(key) or "") for key in ("session_id", "cwd", "tool_name"))
        session = Session(id, id, cwd=Path(cwd) if cwd else None)
        self.permission(Where(session, str(payload.get("turn_id") or "")), tool)

    def seen(self, exchange: Exchange) -> None:
        """A request has come; with words of the human's in it nobody waits any more."""
        if exchange.prompt is not None:
            self.prompted(exchange.session)

    def left(self, exchange: Exchange, on: str | None, found: HookSet) -> None:
        """The model has come to an end; ``on`` is what makes it go on all the same, ``found`` the hooks that count."""
        if on is None and exchange.turn.origin in ("user", "tool"):
            self.prompted(exchange.session)
            if found.of(notification.EVENT):
                self.turn_ended(where_of(exchange))

    def turn_ended(self, where: Where) -> None:
        """The model has answered the human: a notification now, another one if nothing is typed for a while.

        In the profile of Claude Code there is only the latter.
        """
        self.prompted(where.session)
        if not self._hooked(where):
            return
        if not self._firing.found(where.session).strict:
            self._start(self._fire(where, TURN_ENDED))
        key = _key(where.session)
        self._waiting[key] = self._task(self._wait(where, key))
        if len(self._waiting) > WAITING:
            self._waiting.popitem(last=False)[1].cancel()

    def prompted(self, session: Session) -> None:
        """The human has typed something, or the session is over."""
        if self._waiting and (waiting := self._waiting.pop(_key(session), None)) is not None:
            waiting.cancel()

    async def close(self) -> None:
        """End what waits and what runs."""
        tasks = (*self._waiting.values(), *self._running)
        self._waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hooked(self, where: Where) -> bool:
        return self._firing.hooked(where.session, notification.EVENT)

    async def _wait(self, where: Where, key: str) -> None:
        await self._sleep(self._idle_s)
        # From here on a prompt comes too late to call it off; it must not cancel a hook that runs.
        task = self._waiting.pop(key, None)
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        await self._fire(where, IDLE)

    async def _fire(self, where: Where, kind: str, tool: str = "") -> None:
        await notification.fire(self._firing, where, kind, tool)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._running) >= AT_ONCE:
            work.close()
            return
        task = self._task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # In a context of its own: the call that it began in ends before it does.
        return asyncio.get_running_loop().create_task(work, name="notification", context=contextvars.Context())


def _key(session: Session) -> str:
    return session.thread_id or session.id
