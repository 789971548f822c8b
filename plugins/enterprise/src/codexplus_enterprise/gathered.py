"""What can wait for a moment, done together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

GATHER_S = 0.25
"""Seconds that something waits at most."""
MOST = 16
"""Things that wait at most: an exchange may hold a megabyte."""


class Gathered:
    """Calls that nobody waits for, made a little later, one after the other.

    What one costs by itself, between all else that a request needs, is several times what it costs in a row. And one
    that fails is reported by the loop: nothing of whoever put it here fails with it.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, call: Callable[..., None], *facts: Any) -> None:
        """Call this with ``facts``, soon; in the running loop."""
        self._calls.append((call, facts))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.settle)
        elif len(self._calls) == MOST:
            asyncio.get_running_loop().call_soon(self.settle)

    def settle(self) -> None:
        """Make the calls that wait; one that fails is reported, by the loop, and keeps no other from being made."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        while self._calls:
            call, facts = self._calls.popleft()
            try:
                call(*facts)
            except Exception as error:
                about = {"message": f"{call.__qualname__} failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(about)

    async def close(self) -> None:
        """Make the calls that wait, the last ones."""
        self.settle()
