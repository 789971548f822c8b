"""A curl handle set up for one route, and a request written into it."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from curl_cffi import CurlError, CurlHttpVersion, CurlOpt
from curl_cffi.requests.impersonate import resolve_latest_browser_type

from .head import MOST_NAMES
from .transport import Headers, UpstreamCut, UpstreamError, UpstreamRequest
from .upstream_libcurl import Easy

_NAME, _VALUE = itemgetter(0), itemgetter(1)
_LINE_BREAK = re.compile(rb"[\r\n\0]")
_NEVER_SENT = frozenset({b"transfer-encoding", b"connection", b"expect", b"upgrade", b"te", b"trailer"})
_DETAIL = re.compile(r"curl: \(\d+\) (.*?)\.? ?(?:See https://curl\.se.*)?$", re.S)
# curl clears the whole of the buffer from which it sends and keeps it until the answer's end, which counts with
# hundreds of streams; a head should fit in beside a small body.
_BUFFERS = ((12 * 1024, 16 * 1024), (56 * 1024, 64 * 1024), (240 * 1024, 256 * 1024))
# curl sends two buffers in a turn of the loop: what needs no third saves a fifth of its CPU.
_HEAD, _STEP, _MOST = 16 * 1024, 32 * 1024, 1024 * 1024
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})


class Handle:
    """A curl handle whose options for one route are set once; requests set only what differs."""

    __slots__ = ("_buffer", "_exact", "_exact_targets", "_url", "_verb", "curl")

    def __init__(
        self,
        *,
        https: bool,
        impersonate: str | None,
        no_proxy: bool,
        proxy: str | None,
        ca: str,
        connect_timeout: float,
    ) -> None:
        self.curl = curl = Easy(cacert=ca)
        self._verb: tuple[str, bool] | None = None
        self._url = ""
        self._buffer = 0
        self._exact = False
        self._exact_targets = https or no_proxy
        setopt = curl.setopt
        # Never with default headers: a handle keeps the browser's headers for all later requests, reset() included.
        browser = resolve_latest_browser_type(impersonate) if impersonate else None  # type: ignore[no-untyped-call]
        if browser and curl.impersonate(browser, default_headers=False) != 0:
            raise UpstreamError("protocol", f"upstream.impersonate: unknown browser '{impersonate}', use 'chrome'")
        setopt(CurlOpt.HTTP_VERSION, CurlHttpVersion.V2TLS if https else CurlHttpVersion.V1_1)
        setopt(CurlOpt.PROTOCOLS_STR, b"http,https")
        setopt(CurlOpt.NOSIGNAL, 1)
        setopt(CurlOpt.TCP_NODELAY, 1)
        setopt(CurlOpt.TCP_KEEPALIVE, 1)
        setopt(CurlOpt.HTTP_CONTENT_DECODING, 0)
        # curl still follows the chunks, but hands out what it read at once and not chunk by chunk.
        setopt(CurlOpt.HTTP_TRANSFER_DECODING, 0)
        setopt(CurlOpt.FOLLOWLOCATION, 0)
        setopt(CurlOpt.PATH_AS_IS, 1)
        setopt(CurlOpt.SUPPRESS_CONNECT_HEADERS, 1)
        setopt(CurlOpt.CONNECTTIMEOUT_MS, max(1, int(connect_timeout * 1000)))
        if no_proxy:
            setopt(CurlOpt.PROXY, b"")
        elif proxy:
            setopt(CurlOpt.PROXY, proxy)

    def prepare(self, request: UpstreamRequest) -> None:
        """Set the request's options; callbacks and their data are the transfer's."""
        setopt = self.curl.setopt
        method, body = request.method, request.body
        send_body = method != "HEAD" and (bool(body) or method in _BODY_EXPECTED)
        if request.url != self._url:
            self._set_url(request.url)
        if self._verb != (method, send_body):
            # POST clears NOBODY and the other way round; the name on the wire is always CUSTOMREQUEST's.
            setopt(CurlOpt.POST if send_body else CurlOpt.NOBODY if method == "HEAD" else CurlOpt.HTTPGET, 1)
            setopt(CurlOpt.CUSTOMREQUEST, method)
            self._verb = (method, send_body)
        if send_body:
            # A WebSocket's handshake has no body; its messages go out in what curl takes by itself, 64 KiB.
            buffer = _buffer_for(len(body or b""))
            if buffer != self._buffer:
                setopt(CurlOpt.UPLOAD_BUFFERSIZE, buffer)
                self._buffer = buffer
            self.curl.post(body or b"")
        self.curl.add_headers(header_lines(request.headers, len(body or b""), send_body))

    def _set_url(self, url: str) -> None:
        self.curl.setopt(CurlOpt.URL, url)
        self._url = url
        # curl writes %2f as %2F. Its own target stays for an http:// upstream behind a proxy, which needs a whole URL.
        if self._exact_targets and ("%" in url or self._exact):
            self._exact = True
            _, slash, target = url.partition("://")[2].partition("#")[0].partition("/")
            self.curl.setopt(CurlOpt.REQUEST_TARGET, slash + target or "/")


def _buffer_for(size: int) -> int:
    for most, buffer in _BUFFERS:
        if size <= most:
            return buffer
    return min((size + _HEAD) // 2 // _STEP * _STEP + _STEP, _MOST)


def header_lines(headers: Headers, length: int, send_body: bool) -> list[bytes]:
    """The headers as curl takes them: in order and case, framing ours, nothing added by curl."""
    names = tuple(map(_NAME, headers))
    plan = (_plan if len(names) <= MOST_NAMES else _plan.__wrapped__)(names)
    if plan.plain and all(map(_VALUE, headers)) and _agrees(headers, plan, length, send_body):
        # As most requests: no step in Python for each line.
        lines = list(map(b": ".join, headers))
    else:
        lines = _judged(headers, length, send_body)
    if _LINE_BREAK.search(b"".join(lines)):
        raise UpstreamError("protocol", "a request header holds a line break; whoever set it must not")
    lines += plan.with_body if send_body else plan.without
    return lines


class _Plan(NamedTuple):
    """What the names of header lines say of them."""

    plain: bool
    """Whether each may be sent, so long as the length is right."""
    length_at: int
    """Where the length is said; -1 where it is not."""
    with_body: tuple[bytes, ...]
    """What tells curl to add nothing."""
    without: tuple[bytes, ...]


@lru_cache(maxsize=16)
def _plan(names: tuple[bytes, ...]) -> _Plan:
    # Clients have a few sets of names each, and say them again with each request.
    keys = [name.lower() for name in names]
    lengths = keys.count(b"content-length")
    nothing = (b"Expect:",) if b"accept" in keys else (b"Expect:", b"Accept:")
    return _Plan(
        plain=lengths <= 1 and _NEVER_SENT.isdisjoint(keys),
        length_at=keys.index(b"content-length") if lengths else -1,
        with_body=nothing if b"content-type" in keys else (*nothing, b"Content-Type:"),
        without=nothing,
    )


def _agrees(headers: Headers, plan: _Plan, length: int, send_body: bool) -> bool:
    return plan.length_at < 0 or _is_length(headers[plan.length_at][1], length, send_body)


def _is_length(value: bytes, length: int, send_body: bool) -> bool:
    return value.strip() == b"%d" % length and (send_body or not length)


def _judged(headers: Headers, length: int, send_body: bool) -> list[bytes]:
    lines = []
    seen = set()
    for name, value in headers:
        lower = name.lower()
        if lower in _NEVER_SENT:
            continue
        if lower == b"content-length" and (lower in seen or not _is_length(value, length, send_body)):
            continue
        seen.add(lower)
        # curl reads "name:" as "leave it out" and "name;" as a header without a value.
        lines.append(name + b": " + value if value else name + b";")
    return lines


class TransferError(Exception):
    """Curl's own words for a transfer that never got a head: ``code`` is its CURLcode."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = int(code)


def failure_of(error: BaseException, origin: str, *, begun: bool) -> Exception:
    """What it means that curl ended a transfer with ``error``. ``begun`` says that its answer's head came."""
    if begun:
        return UpstreamCut(f"{origin} broke off its answer: {detail(error)}")
    return TransferError(getattr(error, "code", 0), detail(error))


def detail(error: Any) -> str:
    """Curl's sentence out of the library's message."""
    found = _DETAIL.search(str(error)) if isinstance(error, CurlError) else None
    return found.group(1) if found and found.group(1) else str(error) or type(error).__name__
