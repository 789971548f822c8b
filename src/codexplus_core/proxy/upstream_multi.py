"""Curl's steps on the loop, and what is passed on after each of them."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any, Protocol

from curl_cffi import AsyncCurl, Curl, CurlError, CurlMOpt

from .coalescing import WINDOW, Coalescing
from .transport import UpstreamCut
from .upstream_libcurl import C, Easy
from .upstream_watch import TIMEOUT, Watch

_KEPT = 1024
_DONE = 1  # CURLMSG_DONE


class Passing(Protocol):
    """A transfer that has bytes to pass on."""

    def pass_on(self) -> None:
        """Hand over what has come."""
        ...

    def fail(self, error: Exception) -> None:
        """End it with ``error``."""
        ...


class Ending(Protocol):
    """A transfer that is told of its end."""

    def ended(self, error: BaseException | None) -> None:
        """Curl is done with it, well or with ``error``; must not raise."""
        ...


class Multi(AsyncCurl):
    """The transfers of one loop. What curl hands out during one of its steps is passed on right after that step.

    A burst so becomes one write instead of one for every HTTP chunk, and nobody is called while curl is at work.
    """

    def __init__(self, cacert: str) -> None:
        super().__init__(cacert=cacert)
        self._left: Any = None
        self._watch: Watch | None = None
        self.kept: tuple[object, ...] = ()
        """What must live as long as curl may call it."""
        if C is not None:
            self._left = C.ffi.new("int *")
            self._act = C.lib.curl_multi_socket_action
            # curl keeps four idle connections for each transfer under way, which is four once the others are over;
            # its own setopt (curl_cffi 0.16) hands over the address of the number instead of the number.
            C.lib.curl_multi_setopt(self._curlm, CurlMOpt.MAXCONNECTS, C.ffi.cast("void *", _KEPT))
            self._watch = _watched(self)
        self._active = 0
        self._running: dict[Any, tuple[Easy, Ending]] = {}
        self.loaded: list[Passing] = []
        """Piped transfers that have bytes to pass on, after the step where one is under way (``stepping``)."""
        self.stepping = False
        self.coalescing = Coalescing()
        """Told of every piece of an answer that is under way."""
        self._together = False

    async def close(self) -> None:
        """Break off what runs, and let go of every connection."""
        if self._watch is not None:
            self._watch.close()
        for curl, _ in list(self._running.values()):
            self.remove(curl)
        self._act = _no_step  # one that was asked for before may come yet
        await super().close()  # type: ignore[no-untyped-call]

    def load(self, transfer: Passing) -> None:
        """A piped transfer has bytes to pass on, outside every step of curl's."""
        if not self.loaded:
            self.loop.call_soon(self._pass_on)
        self.loaded.append(transfer)

    def process_data(self, sockfd: int, ev_bitmask: int) -> None:
        """One step of curl's, for what a socket or a timer asks for."""
        self.stepping = True
        left = self._left
        try:
            # Every event passes here, so the call is written out. Only where fewer transfers run than before is there
            # a message of curl's to read.
            if left is None:
                super().process_data(sockfd, ev_bitmask)
            elif (code := self._act(self._curlm, sockfd, ev_bitmask, left)) or left[0] < self._active:
                self._settle()
                self._check_error(code)
        finally:
            self.stepping = False
            if self.loaded:
                coalescing = self.coalescing
                if not coalescing.busy:
                    self._pass_on()
                    if coalescing.passed >= WINDOW:
                        coalescing.judge()
                elif not self._together:
                    self._together = True
                    self.loop.call_soon(self._turned)

    def socket_action(self, sockfd: int, ev_bitmask: int) -> int:
        """Curl's part of a step; curl_cffi takes it alone ten times a second, lest anything be missed."""
        running: int = super().socket_action(sockfd, ev_bitmask)
        if running < self._active and not self.stepping:
            # A transfer has ended in it, and nobody has read that.
            self.loop.call_soon(self.process_data, TIMEOUT, 0)
        return running

    def begin(self, curl: Easy, ending: Ending) -> None:
        """Begin a transfer; ``ending`` is told within a step of curl's."""
        if self._left is None:
            super().add_handle(curl)
        else:
            # Without a future: whom it would tell can be told at once.
            curl._ensure_cacert()
            self._check_error(C.lib.curl_multi_add_handle(self._curlm, curl._curl))
        self._running[curl._curl] = curl, ending
        self._active += 1

    def remove(self, curl: Easy) -> None:
        """Break a transfer off; nobody is told of its end."""
        if self._running.pop(curl._curl, None) is not None:
            self._detach(curl)

    def set_result(self, curl: Curl) -> None:
        """A transfer has ended well."""
        self._over(curl._curl, None)

    def set_exception(self, curl: Curl, exception: Any) -> None:
        """A transfer has failed."""
        self._over(curl._curl, exception)

    def _settle(self) -> None:
        read, multi, left = C.lib.curl_multi_info_read, self._curlm, self._left
        while message := read(multi, left):
            if message.msg != _DONE:
                continue
            easy, code = message.easy_handle, message.data.result
            curl = self._running[easy][0]
            self._over(easy, (curl._get_callback_exception() or curl._get_error(code, "perform")) if code else None)

    def _over(self, easy: Any, error: BaseException | None) -> None:
        curl, ending = self._running.pop(easy)
        self._detach(curl)
        ending.ended(error)

    def _detach(self, curl: Easy) -> None:
        self._active -= 1
        try:
            if self._left is None:
                self._pop_future(curl)
            else:
                self._check_error(C.lib.curl_multi_remove_handle(self._curlm, curl._curl))
        except CurlError as error:
            curl.stuck = True
            logging.getLogger("codexplus.server").error("upstream_stuck error=%s", error)

    def _turned(self) -> None:
        # All sockets that had something have been read; what the loop does next is to look at them again.
        self._together = False
        self._pass_on()
        self.coalescing.breathe()

    def _pass_on(self) -> None:
        loaded, self.loaded = self.loaded, []
        waiting = iter(loaded)
        failing: Passing | None = None
        try:
            for failing in waiting:
                failing.pass_on()
            failing = None
        finally:
            # Where one fails, the others' pieces are not to be lost with it, and its own client must see a cut.
            for transfer in waiting:
                self.load(transfer)
            if failing is not None:
                failing.fail(UpstreamCut("a fault in codex-plus"))


def _no_step(*_: object) -> int:
    return 0


def _watched(multi: Multi) -> Watch | None:
    if sys.platform == "win32":  # a socket is no int there
        return None
    watch = Watch(multi.loop, multi.process_data)
    ffi = C.ffi
    try:
        on_socket = ffi.callback("int(void *, int, int, void *, void *)", watch.on_socket, onerror=_log_failure)
        on_timer = ffi.callback("int(void *, long, void *)", watch.on_timer, onerror=_log_failure)
    except (MemoryError, SystemError):
        return None  # the system allows no functions that are made while it runs
    multi.kept = on_socket, on_timer
    for option, function in ((CurlMOpt.SOCKETFUNCTION, on_socket), (CurlMOpt.TIMERFUNCTION, on_timer)):
        C.lib.curl_multi_setopt(multi._curlm, option, ffi.cast("void *", function))
    return watch


def _log_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    # The loop could not watch a socket; the transfer ends when its time is over.
    log = logging.getLogger("codexplus.server")
    log.error("upstream_unwatched error=%s", kind.__name__, exc_info=(kind, error, trace))
