"""Curl's sockets and its timer on the loop."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable

# curl.h: CURL_POLL_IN and CURL_CSELECT_IN are the same, as are the two for OUT.
_IN, _OUT, _REMOVE = 1, 2, 4
TIMEOUT = -1
"""In a socket's place for a step that a timer asks for: CURL_SOCKET_TIMEOUT."""


class Watch:
    """What curl asks its callbacks for, done with as few changes to the loop as possible.

    curl_cffi's own callbacks take a socket off the loop and put it on again whenever curl waits for less or more, the
    one that curl wakes itself with for each transfer; and where curl says that no timer is needed, they take a step.
    ``step`` takes one for a socket and what it is ready for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, step: Callable[[int, int], None]) -> None:
        self._loop = loop
        self._step = step
        self._asked: dict[int, int] = {}
        self._wakers: set[int] = set()
        self._timer: asyncio.Handle | None = None
        self._closed = False

    def on_timer(self, multi: object, milliseconds: int, data: object) -> int:
        """Curl wants a step in ``milliseconds``, at once, or (below 0) none any more: CURLMOPT_TIMERFUNCTION."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds >= 0 and not self._closed:
            self._timer = self._loop.call_later(milliseconds / 1000, self._step, TIMEOUT, 0)
        return 0

    def on_socket(self, easy: object, fd: int, what: int, data: object, own: object) -> int:
        """Curl waits for something else on a socket, or for nothing, then it may be closed: CURLMOPT_SOCKETFUNCTION."""
        if self._closed:
            return 0
        before = self._asked.pop(fd, 0)
        wanted, what = what != _REMOVE, what & (_IN | _OUT)
        changed = before ^ what
        if changed & _IN and fd not in self._wakers:
            if not what & _IN:
                self._loop.remove_reader(fd)
            elif self._wakers or stat.S_ISSOCK(os.fstat(fd).st_mode):
                self._loop.add_reader(fd, self._step, fd, _IN)
            else:
                # Not to a peer: with this one curl wakes itself. It is the same one all the time and closed with curl
                # alone, so that its number cannot become another's while it stays on the loop.
                self._wakers.add(fd)
                self._loop.add_reader(fd, self._waked, fd)
        if changed & _OUT:
            if what & _OUT:
                self._loop.add_writer(fd, self._step, fd, _OUT)
            else:
                self._loop.remove_writer(fd)
        if wanted:
            self._asked[fd] = what  # only now: a loop that could not do it is asked again
        return 0

    def close(self) -> None:
        """Watch nothing any more."""
        self._closed = True
        for fd in {*self._asked, *self._wakers}:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
        if self._timer is not None:
            self._timer.cancel()

    def _waked(self, fd: int) -> None:
        if fd in self._asked:
            self._step(fd, _IN)
        else:
            # Nobody is left to read it, and it would wake the loop again and again.
            self._wakers.discard(fd)
            self._loop.remove_reader(fd)
