"""The upstream on curl: which handle a request gets, how long it may be silent, what its failures mean."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import certifi
from curl_cffi import CurlECode

from .transport import Answer, Upgraded, UpstreamCut, UpstreamError, UpstreamRequest
from .upstream_easy import Handle, TransferError
from .upstream_handle import Transfer
from .upstream_multi import Multi
from .upstream_socket import CurlUpgraded, Handshake, UpgradeHandle

_FREE_HANDLES = 64
_TICKS = 8

_KINDS: Mapping[int, tuple[str, str]] = {
    CurlECode.COULDNT_RESOLVE_PROXY: ("dns", "check HTTP_PROXY and HTTPS_PROXY"),
    CurlECode.COULDNT_RESOLVE_HOST: ("dns", "check the network and the upstream's name"),
    CurlECode.COULDNT_CONNECT: ("connect", "check that it runs and that no firewall is in between"),
    CurlECode.OPERATION_TIMEDOUT: ("timeout", "check the network, then try again"),
    CurlECode.GOT_NOTHING: ("connect", "it closed the connection without an answer; try again"),
    CurlECode.SEND_ERROR: ("connect", "the connection broke while sending; try again"),
    CurlECode.RECV_ERROR: ("connect", "the connection broke before an answer; try again"),
    CurlECode.SSL_CONNECT_ERROR: ("tls", "check that the address speaks https"),
    CurlECode.PEER_FAILED_VERIFICATION: ("tls", "name the certificate authority in SSL_CERT_FILE"),
    CurlECode.SSL_CACERT_BADFILE: ("tls", "check the file in SSL_CERT_FILE"),
    CurlECode.PROXY: ("connect", "check HTTP_PROXY and HTTPS_PROXY"),
    CurlECode.URL_MALFORMAT: ("protocol", "check the upstream's address"),
    CurlECode.WRITE_ERROR: ("protocol", "it switched to another protocol, which nobody asked for"),
    CurlECode.UNSUPPORTED_PROTOCOL: ("protocol", "use an http or https address"),
}
_TLS_CODES = frozenset({53, 54, 58, 59, 66, 80, 82, 83, 90, 91, 98})

# Failures of looking up, connecting and shaking hands: no byte of the request has left, so once more is safe.
_NOTHING_SENT = frozenset({CurlECode.COULDNT_RESOLVE_HOST, CurlECode.COULDNT_CONNECT, CurlECode.SSL_CONNECT_ERROR})


@dataclass(slots=True)
class _Route:
    """How an origin is reached, and the handles that are set up for it."""

    https: bool
    impersonate: str | None
    no_proxy: bool
    proxy: str | None
    free: list[Handle] = field(default_factory=list)


class CurlUpstream:
    """Opens requests through curl: HTTP/1.1 to ``http://``, HTTP/2 where offered to ``https://``.

    ``impersonate`` names the browser whose TLS and HTTP/2 handshake ``impersonate_hosts`` see; headers stay the
    client's. Certificate authorities come from ``ca_file``, else ``SSL_CERT_FILE``, else the system's store
    (``certifi`` where there is none). Proxies come from ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and
    ``NO_PROXY``, never for loopback. ``head_timeout`` and ``idle_timeout`` bound the upstream's silence before and
    after the head; nothing bounds the whole.
    """

    def __init__(
        self,
        *,
        impersonate: str | None = "chrome",
        impersonate_hosts: Collection[str] = ("chatgpt.com",),
        ca_file: str | None = None,
        connect_timeout: float = 20.0,
        head_timeout: float = 900.0,
        idle_timeout: float = 900.0,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._impersonate = impersonate
        self._impersonate_hosts = frozenset(impersonate_hosts)
        self._ca = ca_file or certificates(environ)
        self._connect_timeout = connect_timeout
        self._head_timeout = head_timeout
        self._idle_timeout = idle_timeout
        self._environ = environ
        self._multi: Multi | None = None
        self._origins: dict[str, _Route] = {}
        self._routes: dict[tuple[bool, str | None, bool, str | None], _Route] = {}
        self._running: dict[Transfer, None] = {}
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False

    async def open(self, request: UpstreamRequest) -> Transfer:
        """Send a request and return when the answer's head is here."""
        return await self._answered(request)

    async def connect(self, request: UpstreamRequest) -> Upgraded | Answer:
        """Send a WebSocket handshake as it is, to a ``ws``, ``wss``, ``http`` or ``https`` URL, over HTTP/1.1.

        Returns the upgraded connection, or the answer of an upstream that refuses.
        """
        answer = await self._answered(replace(request, url=_over_http(request.url)), upgrade=True)
        return CurlUpgraded(answer) if isinstance(answer, Handshake) and answer.status == 101 else answer

    async def _answered(self, request: UpstreamRequest, *, upgrade: bool = False) -> Transfer:
        origin = origin_of(request.url)
        route = self._origins.get(origin) or self._add_route(origin)
        retried = False
        while True:
            transfer = self._start(request, origin, route, upgrade=upgrade)
            try:
                await transfer.head()
            except TransferError as error:
                if error.code in _NOTHING_SENT and not retried:
                    retried = True
                    continue
                raise _explain(origin, error) from None
            except BaseException:
                transfer.close()
                raise
            return transfer

    async def aclose(self) -> None:
        """Abort what still runs and release every connection."""
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        # Every transfer first: cleaning up under a running one has crashed curl.
        for transfer in list(self._running):
            transfer.abort(UpstreamCut(f"{transfer.origin}: the proxy is stopping"))
        multi, self._multi = self._multi, None
        if multi is not None:
            await multi.close()
        for route in self._routes.values():
            for handle in route.free:
                handle.curl.close()
            route.free.clear()
        self._origins.clear()

    def _start(self, request: UpstreamRequest, origin: str, route: _Route, *, upgrade: bool) -> Transfer:
        if self._closed:
            raise UpstreamError("connect", f"{origin}: the proxy is stopping; try again when it is back")
        if self._multi is None:
            # Needs the running loop, so not before the first request.
            self._multi = Multi(self._ca)
        transfer: Transfer
        if upgrade:
            handle = self._handle(route, UpgradeHandle)
            transfer = Handshake(self._multi, handle, origin, self._release_to(None))
        else:
            handle = route.free.pop() if route.free else self._handle(route)
            transfer = Transfer(self._multi, handle, origin, self._release_to(route))
        try:
            transfer.start(request)
        except BaseException:
            handle.curl.close()
            raise
        self._running[transfer] = None
        if self._watch is None:
            self._watch_later()
        return transfer

    def _handle(self, route: _Route, kind: type[Handle] = Handle) -> Handle:
        return kind(
            https=route.https, impersonate=route.impersonate, no_proxy=route.no_proxy, proxy=route.proxy,
            ca=self._ca, connect_timeout=self._connect_timeout,
        )  # fmt: skip

    def _release_to(self, route: _Route | None) -> Callable[[Transfer, Handle], None]:
        def release(transfer: Transfer, handle: Handle) -> None:
            self._running.pop(transfer, None)
            if route is None or self._closed or handle.curl.stuck or len(route.free) >= _FREE_HANDLES:
                handle.curl.close()
            else:
                route.free.append(handle)

        return release

    def _add_route(self, origin: str) -> _Route:
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https") or not authority:
            raise UpstreamError("protocol", f"upstream {origin!r}: no address; write it like https://api.openai.com/v1")
        host = authority[1:].partition("]")[0] if authority[0] == "[" else authority.partition(":")[0]
        https = scheme == "https"
        browser = self._impersonate if https and self._wears_browser(host) else None
        local = is_loopback(host)
        # curl reads every other variable itself, but HTTP_PROXY only in lower case.
        proxy = None if https or local or self._environ.get("http_proxy") else self._environ.get("HTTP_PROXY")
        key = (https, browser, local, proxy)
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = _Route(https, browser, local, proxy)
        self._origins[origin] = route
        return route

    def _wears_browser(self, host: str) -> bool:
        return any(host == name or host.endswith("." + name) for name in self._impersonate_hosts)

    def _watch_later(self) -> None:
        tick = min(self._head_timeout, self._idle_timeout) / _TICKS
        self._watch = asyncio.get_running_loop().call_later(tick, self._watch_silence, tick)

    def _watch_silence(self, tick: float) -> None:
        self._watch = None
        if self._closed:
            return
        for transfer in list(self._running):
            if not transfer.waiting_for_upstream:
                transfer.idle = 0
                continue
            transfer.idle += 1
            silent = transfer.idle * tick
            if transfer.status < 200 and silent > self._head_timeout:
                transfer.abort(_silent(transfer.origin, self._head_timeout))
            elif transfer.status >= 200 and silent > self._idle_timeout:
                transfer.abort(UpstreamCut(f"{transfer.origin} sent nothing for {self._idle_timeout:g} s"))
        if self._running:
            self._watch_later()


async def probe(url: str, timeout: float = 10.0) -> tuple[int | None, str]:
    """Ask ``url`` (a WebSocket's over HTTP) once: its status and a sentence, or None and why there is no answer."""
    upstream = CurlUpstream(connect_timeout=timeout)
    try:
        async with asyncio.timeout(timeout):
            answer = await upstream.open(UpstreamRequest("GET", _over_http(url), []))
        if any(n.lower() == b"cf-mitigated" and v == b"challenge" for n, v in answer.headers):
            asks = f"{url} asks for a browser challenge (cf-mitigated)"
            return answer.status, f"{asks}; try serve --impersonate with another browser"
        return answer.status, f"{url} answers with status {answer.status}"
    except TimeoutError:
        return None, f"{url}: no answer within {timeout:g} s; check the network"
    except UpstreamError as error:
        return None, str(error)
    finally:
        await upstream.aclose()


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, without credentials."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0]
    for end in "?#":
        authority = authority.partition(end)[0]
    return f"{scheme}://{authority.rpartition('@')[2]}"


def certificates(environ: Mapping[str, str]) -> str:
    """The file with the certificate authorities: ``SSL_CERT_FILE``, else the system's, else certifi's."""
    return environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or certifi.where()


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by its name or address."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _over_http(url: str) -> str:
    return f"http{url.removeprefix('ws')}" if url.startswith(("ws://", "wss://")) else url


def _silent(origin: str, seconds: float) -> UpstreamError:
    return UpstreamError("timeout", f"{origin} did not answer within {seconds:g} s; try again later")


def _explain(origin: str, error: TransferError) -> UpstreamError:
    other = ("tls" if error.code in _TLS_CODES else "protocol", "check the upstream's address")
    kind, advice = _KINDS.get(error.code, other)
    return UpstreamError(kind, f"{origin}: {error} (curl {error.code}); {advice}")
