"""A thread that does what it is given, all that has gathered at once; who gives never waits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
WAITING = 1000
"""Things that may wait; what comes beyond is not taken."""
MANY = 64
"""Things for which it is not waited any longer: each may hold a megabyte."""
GATHER_S = 0.05
"""Seconds in which things gather before they are worked on, so that many wake the thread as often as one. Where
something was done a moment before they gather until that is settled: there is more to come."""
SETTLE_S = 0.25
"""Seconds after which work is settled that nobody waits for."""


class Writer(Generic[T]):
    """Hands things to ``work`` in batches, in a thread of its own that begins with the first of them.

    ``settle`` is called some time after work, once for all that was done until then, and at once for who waits for it.
    """

    def __init__(
        self,
        work: Callable[[list[T]], None],
        *,
        name: str,
        settle: Callable[[], None] = lambda: None,
        most: int = WAITING,
        gather_s: float = GATHER_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._work = work
        self._settle = settle
        self._gather_s = gather_s
        self._settle_s = settle_s
        self._name = name
        self._most = most
        self._changed = threading.Condition()
        self._things: deque[T | Future[None]] = deque()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._awaited = False
        self._due: float | None = None

    def put(self, thing: T) -> bool:
        """Take a thing; False where too many wait already."""
        with self._changed:
            if len(self._things) >= self._most or self._closing:
                return False
            self._things.append(thing)
            self._begin()
            # Where something has to be settled it wakes up by itself.
            if len(self._things) == MANY or (self._due is None and len(self._things) == 1):
                self._changed.notify()
        return True

    def flush(self) -> Future[None]:
        """Done once everything that was put before is done and settled."""
        done: Future[None] = Future()
        with self._changed:
            if self._due is None and (self._thread is None or not self._thread.is_alive()):
                done.set_result(None)
                return done
            self._things.append(done)
            self._awaited = True
            self._begin()
            self._changed.notify()
        return done

    def close(self, timeout: float = 10.0) -> bool:
        """Do what waits and end; False where that takes longer than ``timeout`` seconds."""
        with self._changed:
            self._closing = self._awaited = True
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
                while not self._things and not self._awaited and (left := self._left) != 0:
                    self._changed.wait(left)
                if self._things and not self._awaited:
                    left = self._left
                    self._changed.wait_for(self._must_not_wait, self._gather_s if left is None else left)
                batch = list(self._things)
                self._things.clear()
                self._awaited = self._closing
                if not batch and self._due is None:
                    return
            waiting = [thing for thing in batch if isinstance(thing, Future)]
            try:
                self._do([thing for thing in batch if not isinstance(thing, Future)], now=bool(waiting))
            except BaseException:
                with self._changed:
                    # What was in hand is lost, what waits is not.
                    self._thread = None
                    if self._things or self._due is not None:
                        self._begin()
                raise
            finally:
                for done in waiting:
                    if done.set_running_or_notify_cancel():
                        done.set_result(None)

    def _must_not_wait(self) -> bool:
        return self._awaited or len(self._things) >= MANY

    @property
    def _left(self) -> float | None:
        """Seconds until something has to be settled, None where nothing has."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def _do(self, things: list[T], *, now: bool) -> None:
        if things:
            if self._due is None:
                self._due = time.monotonic() + self._settle_s
            self._work(things)
        if self._due is not None and (now or self._closing or self._left == 0):
            self._due = None
            self._settle()
