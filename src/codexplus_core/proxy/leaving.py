"""The end of the process, even where a plugin's task or thread goes on."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import time

_LAST_WORDS_S = 1.0


class Leaving:
    """Leaves the process at a given time if it has not ended by itself: tasks and threads of plugins may not let it."""

    def __init__(self) -> None:
        # Signal handlers put something in, and this is the one queue that they may interrupt while it is at work.
        self._told: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        # Begun now: a handler cannot start a thread, since it may have interrupted somebody who is starting one.
        threading.Thread(target=self._run, name="codexplus-leaving", daemon=True).start()

    def within(self, seconds: float) -> None:
        """Leave in ``seconds`` at the latest."""
        self._told.put(time.monotonic() + seconds)

    def never(self) -> None:
        """Do not leave after all."""
        self._told.put(None)

    def _run(self) -> None:
        deadline = self._told.get()
        while deadline is not None and (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                earlier = self._told.get(timeout=left)
                deadline = earlier and min(deadline, earlier)
        if deadline is None:
            return
        # Whoever holds the process may hold the locks of its streams as well.
        words = threading.Thread(target=_say_last_words, daemon=True)
        words.start()
        words.join(timeout=_LAST_WORDS_S)
        os._exit(0)


def _say_last_words() -> None:
    logging.getLogger("codexplus.server").error("left_by_force reason='something did not stop when it was told to'")
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
