"""What every request does with libcurl, without curl_cffi's general ways where those are longer.

No public name reaches libcurl itself. Everything works without it, only slower: ``C`` is None then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from curl_cffi import Curl, CurlOpt
from curl_cffi.curl import CURL_WRITEFUNC_ERROR

try:
    from curl_cffi import _wrapper as _libcurl
except ImportError:
    _libcurl = None
C: Any = _libcurl

Taking = Callable[[bytes], int]
"""Takes bytes inside curl, and says how many, or what else curl is to do. Must not raise."""

_HEADERS = int(CurlOpt.HTTPHEADER)
_SIZE, _BODY = int(CurlOpt.POSTFIELDSIZE_LARGE), int(CurlOpt.POSTFIELDS)
_FUNCTIONS = int(CurlOpt.HEADERFUNCTION), int(CurlOpt.WRITEFUNCTION)


class _Sink:
    """Whose the bytes are that a handle gets. Not the handle itself: its callbacks would keep it, and it them."""

    __slots__ = ("body", "error", "line")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Belong to nobody."""
        self.line: Taking = len
        self.body: Taking = len
        self.error: BaseException | None = None

    def note(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A callback has raised: curl breaks off, and the transfer fails with this."""
        self.error = error


class Easy(Curl):
    """A curl handle without the 128 KiB WebSocket buffer that every handle else allocates."""

    _WS_RECV_BUFFER_SIZE = 1

    def __init__(self, cacert: str) -> None:
        self._sink = _Sink()
        self.stuck = False
        """Whether curl would not let go of it: it serves no other request."""
        super().__init__(cacert=cacert)
        self._calls = _callbacks(self._sink)
        for option, function in zip(_FUNCTIONS, self._calls, strict=False):
            self._put(option, C.ffi.cast("void *", function))
        self._number: Any = None if C is None else C.ffi.new("int64_t *")

    def take(self, line: Taking, body: Taking) -> None:
        """Give ``line`` each line of the next answer's head, and ``body`` its body."""
        if self._calls:
            self._sink.line, self._sink.body = line, body
        else:
            self.setopt(CurlOpt.HEADERFUNCTION, line)
            self.setopt(CurlOpt.WRITEFUNCTION, body)

    def post(self, body: bytes | memoryview) -> None:
        """Send this body next."""
        if C is None:
            self.setopt(CurlOpt.POSTFIELDSIZE_LARGE, len(body))
            self.setopt(CurlOpt.POSTFIELDS, bytes(body))
            return
        self._number[0] = len(body)
        self._put(_SIZE, self._number)
        # curl takes no copy, so this is kept until it has let go of it.
        self._body_handle = body if isinstance(body, bytes) else C.ffi.from_buffer(body)
        self._put(_BODY, self._body_handle)

    def add_headers(self, lines: Iterable[bytes]) -> None:
        """Send these lines too."""
        if C is None:
            self.setopt(CurlOpt.HTTPHEADER, lines)
            return
        headers, append = self._headers, C.lib.curl_slist_append
        for line in lines:
            headers = append(headers, line)
        self._headers = headers
        self._put(_HEADERS, headers)

    def let_go(self) -> None:
        """Keep nothing of a transfer that is over."""
        self._sink.clear()
        if not self._calls or self._read_handle is not None:
            self.clean_handles_and_buffers()
            return
        self._body_handle = None
        C.lib.curl_slist_free_all(self._headers)
        self._headers = C.ffi.NULL

    def close(self) -> None:
        """Free the handle; it must not be used any more."""
        self._sink.clear()
        super().close()

    def _get_callback_exception(self) -> BaseException | None:
        return self._sink.error or super()._get_callback_exception()

    def _put(self, option: int, value: Any) -> None:
        code = C.lib._curl_easy_setopt(self._curl, option, value)
        if code:
            self._check_error(code, "setopt", option)


def _callbacks(sink: _Sink) -> tuple[Any, ...]:
    """What curl calls with a line and with a piece of a body, as long as it is kept; nothing where it cannot be."""
    if C is None:
        return ()
    ffi = C.ffi
    unpack = ffi.unpack

    def on_line(start: Any, size: int, count: int, data: object) -> int:
        return sink.line(unpack(start, count))

    def on_body(start: Any, size: int, count: int, data: object) -> int:
        return sink.body(unpack(start, count))

    try:
        return tuple(
            ffi.callback("size_t(char *, size_t, size_t, void *)", function, CURL_WRITEFUNC_ERROR, sink.note)
            for function in (on_line, on_body)
        )
    except (MemoryError, SystemError):
        return ()  # the system allows no functions that are made while it runs
