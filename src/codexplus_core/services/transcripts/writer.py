"""A thread that does what it is given, all that has gathered at once; who gives never waits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
WAITING = 1000
"""Things that may wait; what comes beyond is not taken."""


class Writer(Generic[T]):
    """Hands things to ``work`` in batches, in a thread of its own that begins with the first of them."""

    def __init__(self, work: Callable[[list[T]], None], *, name: str, most: int = WAITING) -> None:
        self._work = work
        self._name = name
        self._most = most
        self._changed = threading.Condition()
        self._things: deque[T | Future[None]] = deque()
        self._thread: threading.Thread | None = None
        self._closing = False

    def put(self, thing: T) -> bool:
        """Take a thing; False where too many wait already."""
        with self._changed:
            if len(self._things) >= self._most or self._closing:
                return False
            self._things.append(thing)
            self._begin()
            self._changed.notify()
        return True

    def flush(self) -> Future[None]:
        """Done once everything that was put before is done."""
        done: Future[None] = Future()
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                done.set_result(None)
                return done
            self._things.append(done)
            self._begin()
            self._changed.notify()
        return done

    def close(self, timeout: float = 10.0) -> bool:
        """Do what waits and end; False where that takes longer than ``timeout`` seconds."""
        with self._changed:
            self._closing = True
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._things and not self._closing:
                    self._changed.wait()
                if not self._things:
                    return
                batch = list(self._things)
                self._things.clear()
            waiting = [thing for thing in batch if isinstance(thing, Future)]
            try:
                self._work([thing for thing in batch if not isinstance(thing, Future)])
            except BaseException:
                with self._changed:
                    # What was in hand is lost, what waits is not.
                    self._thread = None
                    if self._things:
                        self._begin()
                raise
            finally:
                for done in waiting:
                    if done.set_running_or_notify_cancel():
                        done.set_result(None)
