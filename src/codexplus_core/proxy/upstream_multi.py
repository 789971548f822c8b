"""Curl's steps on the loop, and what is passed on after each of them."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from curl_cffi import AsyncCurl, Curl, CurlMOpt
from curl_cffi.curl import CurlError

try:
    # No public name reaches libcurl itself, and everything works without it, only slower.
    from curl_cffi import _wrapper as _libcurl
except ImportError:
    _libcurl = None
_C: Any = _libcurl
_KEPT = 1024


class Passing(Protocol):
    """A transfer that has bytes to pass on."""

    def pass_on(self) -> None:
        """Hand over what has come."""
        ...


class Multi(AsyncCurl):
    """The transfers of one loop. What curl hands out during one of its steps is passed on right after that step.

    A burst so becomes one write instead of one for every HTTP chunk, and nobody is called while curl is at work.
    """

    def __init__(self, cacert: str) -> None:
        super().__init__(cacert=cacert)
        self._left: Any = None
        if _C is not None:
            self._left = _C.ffi.new("int *")
            # curl keeps four idle connections for each transfer under way, which is four once the others are over;
            # its own setopt (curl_cffi 0.16) hands over the address of the number instead of the number.
            _C.lib.curl_multi_setopt(self._curlm, CurlMOpt.MAXCONNECTS, _C.ffi.cast("void *", _KEPT))
        self._active = 0
        self._loaded: list[Passing] = []
        self._stepping = False

    def loaded(self, transfer: Passing) -> None:
        """A piped transfer has bytes to pass on."""
        if not self._loaded and not self._stepping:
            self.loop.call_soon(self._pass_on)
        self._loaded.append(transfer)

    def socket_action(self, sockfd: int, ev_bitmask: int) -> int:
        """Let curl do what a socket or a timer asks for; the number of transfers that still run.

        Raises CurlError where the whole of it is broken. Asked for every event, hence without curl_cffi's own steps.
        """
        left = self._left
        if left is None:
            return int(super().socket_action(sockfd, ev_bitmask))
        code = _C.lib.curl_multi_socket_action(self._curlm, sockfd, ev_bitmask, left)
        if code:
            raise CurlError(f"curl_multi_socket_action: {code}", code)
        return int(left[0])

    def process_data(self, sockfd: int, ev_bitmask: int) -> None:
        """One step of curl's."""
        self._stepping = True
        try:
            # Only where fewer transfers run than before is there a message of curl's to read.
            if self.socket_action(sockfd, ev_bitmask) < self._active:
                super().process_data(sockfd, 0)
        finally:
            self._stepping = False
        if self._loaded:
            self._pass_on()

    def add_handle(self, curl: Curl) -> asyncio.Future[None]:
        """Begin a transfer."""
        future: asyncio.Future[None] = super().add_handle(curl)
        self._active += 1
        return future

    def remove_handle(self, curl: Curl) -> None:
        """Break a transfer off."""
        self._active -= 1
        super().remove_handle(curl)

    def set_result(self, curl: Curl) -> None:
        """A transfer has ended well."""
        self._active -= 1
        super().set_result(curl)

    def set_exception(self, curl: Curl, exception: BaseException) -> None:
        """A transfer has failed."""
        self._active -= 1
        super().set_exception(curl, exception)

    def _pass_on(self) -> None:
        loaded, self._loaded = self._loaded, []
        for transfer in loaded:
            transfer.pass_on()
