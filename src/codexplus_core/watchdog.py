"""A thread that names the plugin which holds the event loop and does not give it back."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from .budget import Stopwatch
from .dispatch_faults import Hook, Log


class Watchdog:
    """Looks at the dispatcher's stopwatch; a blocked event loop cannot report itself.

    Only ``serve`` starts one. Each step of a plugin that runs longer than ``after`` seconds is named once.
    """

    def __init__(self, stopwatch: Stopwatch, *, log: Log, after: float = 10.0, every: float = 2.0) -> None:
        self._stopwatch = stopwatch
        self._log = log
        self._after = after
        self._every = every
        self._named = float("-inf")
        self._watched_thread = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the calling thread, which is to run the event loop."""
        self._watched_thread = threading.get_ident()
        self._thread = threading.Thread(target=self._run, name="codexplus-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; may be called twice, or without a start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=self._every)

    def look(self) -> None:
        """Name the plugin whose step has been running too long, if there is one."""
        # The holder is written after its time: read the other way round, no step is blamed for an earlier one.
        holder = self._stopwatch.holder
        since = self._stopwatch.since
        seconds = self._stopwatch.clock() - since
        if not isinstance(holder, Hook) or seconds < self._after or since == self._named:
            return
        self._named = since
        self._log.warning(
            "plugin_holds_the_event_loop",
            plugin=holder.plugin,
            hook=holder.name,
            seconds=round(seconds, 1),
            where=self._where(),
        )

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.look()

    def _where(self) -> str:
        frame = sys._current_frames().get(self._watched_thread)
        return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame is not None else "unknown"
