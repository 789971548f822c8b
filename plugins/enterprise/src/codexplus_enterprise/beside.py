"""What runs beside the requests, again and again, for as long as the proxy serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Beside:
    """An endless loop in a task of its own. Where it fails it is reported and begun again: it has to sleep first."""

    def __init__(self, loop: Callable[[], Coroutine[Any, Any, None]], *, log: Any, name: str) -> None:
        self._loop = loop
        self._log = log
        self._name = name
        self._failing = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._loop(), name=self._name)
        self._task.add_done_callback(self._ended)

    async def end(self) -> None:
        """Stop, and wait until it has."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if type(error).__name__ != self._failing:
            self._failing = type(error).__name__
            self._log.error("task_failed", task=self._name, error=self._failing)
        if task is self._task:
            self.start()
