"""Which of a server's lists have changed, told in good time and not more often than that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY_S = 1.0
"""Seconds between two times that the same list is said to have changed."""


class Changes:
    """Passes on the name of a list, at once and then once a second at most; the last word is never lost.

    A server may say so a thousand times a second, and each time would have its whole list asked for and read. ``""``,
    for a new connection, means all of them and is passed on as it comes.
    """

    def __init__(self, tell: Callable[[str], None], *, every: float = EVERY_S) -> None:
        self._tell = tell
        self._every = every
        self._resting: dict[str, asyncio.TimerHandle] = {}
        self._due: set[str] = set()

    def said(self, kind: str) -> None:
        """The server says that this list has changed."""
        if kind in self._resting:
            self._due.add(kind)
            return
        self._tell(kind)
        if kind:
            self._resting[kind] = asyncio.get_running_loop().call_later(self._every, self._rested, kind)

    def close(self) -> None:
        """Say nothing more."""
        for timer in self._resting.values():
            timer.cancel()
        self._resting.clear()
        self._due.clear()

    def _rested(self, kind: str) -> None:
        del self._resting[kind]
        if kind in self._due:
            self._due.discard(kind)
            self.said(kind)
