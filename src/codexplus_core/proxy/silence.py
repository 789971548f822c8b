"""How long an upstream may say nothing on its WebSocket while an answer of its is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SILENCE_S = 900.0
"""Seconds; as long as over HTTP (``CurlUpstream``)."""
_TICKS = 8


class Silence:
    """Calls ``over`` once, when nothing was heard for ``SILENCE_S``, which it is told; it begins at once.

    ``heard`` says whether there was anything since it was asked last, or whether it is us who makes the upstream wait.
    It is asked a few times in that while, so that nothing has to be done for each message.
    """

    def __init__(self, heard: Callable[[], bool], over: Callable[[float], None]) -> None:
        self._heard = heard
        self._over = over
        self._seconds = SILENCE_S
        self._quiet = 0
        self._later()

    def end(self) -> None:
        """Nothing is waited for any more."""
        self._timer.cancel()

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds / _TICKS, self._look)

    def _look(self) -> None:
        self._quiet = 0 if self._heard() else self._quiet + 1
        if self._quiet < _TICKS:
            self._later()
        else:
            self._over(self._seconds)
