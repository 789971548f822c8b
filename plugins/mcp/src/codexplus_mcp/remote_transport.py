"""A server at a URL: the HTTP client for it, bounded, on addresses that were looked at, with the user's sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

from .failure import trouble
from .guarded_transport import addresses_of
from .outgoing import proxy_for
from .reach import Reach
from .server import Server

if TYPE_CHECKING:
    from mcp.client._transport import Transport

BODY_LIMIT = 16 << 20
"""Bytes of one answer, or of one event of a stream."""
CONNECT_S = 30.0
READ_S = 300.0
"""Seconds of silence that a stream may have."""
GET_EVERY_S = 0.5
"""Seconds between two requests for a stream, after the first GETS_AT_ONCE; a server may want none between them."""
GETS_AT_ONCE = 10


def transport_for(server: Server, client: httpx2.AsyncClient) -> Transport:
    """What the mcp package talks through. It closes the client of an SSE server; the other is the caller's."""
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    if server.transport == "sse":

        def ours(
            headers: dict[str, str] | None = None,
            timeout: httpx2.Timeout | None = None,
            auth: httpx2.Auth | None = None,
        ) -> httpx2.AsyncClient:
            return client

        return sse_client(server.url, httpx_client_factory=ours)
    return streamable_http_client(server.url, http_client=client, max_sse_event_size=BODY_LIMIT)


async def client_for(
    server: Server,
    reach: Reach,
    *,
    auth: httpx2.Auth | None,
    version: str,
    on_trouble: Callable[[str], None],
    on_status: Callable[[int], None],
) -> httpx2.AsyncClient:
    """An HTTP client for one server.

    Certificates are checked by ``SSL_CERT_FILE``, else the system's; proxies come from the environment. Without a proxy
    every new connection is to an address that ``reach`` permits. ``on_trouble`` hears of requests that came to nothing,
    which the old transport (SSE) tells nobody, ``on_status`` of messages that were answered with a status from 400 on,
    which the mcp package does not pass on. Raises Problem for a proxy of a kind that cannot be used.
    """
    proxy = proxy_for(server.url)
    # Reading the system's certificates takes tens of milliseconds.
    transport = await asyncio.to_thread(_transport, proxy, reach)
    return httpx2.AsyncClient(
        transport=_Bounded(transport, on_trouble if server.transport == "sse" else None, on_status),
        auth=auth,
        headers={**server.headers, "user-agent": f"codex-plus/{version}", "accept-encoding": "identity"},
        timeout=httpx2.Timeout(CONNECT_S, read=READ_S),
        trust_env=False,
        follow_redirects=False,
    )


def _transport(proxy: str, reach: Reach) -> httpx2.AsyncHTTPTransport:
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=8, keepalive_expiry=60)
    made = httpx2.AsyncHTTPTransport(limits=limits, proxy=proxy or None)
    if not proxy:
        # There is no other way to hand a network backend over, and nothing else sees each new connection.
        made._pool._network_backend = _Guarded(reach)
    return made


class _Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that are permitted, and to no name: what was looked at is what is connected to."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host}: no address")
        for address in self._reach.permitted(host, await addresses_of(host, port)):
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Bounded(httpx2.AsyncBaseTransport):
    """Ends answers that are too large or packed, which could be a thousand times as large; asks for streams slowly."""

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        on_trouble: Callable[[str], None] | None,
        on_status: Callable[[int], None],
    ) -> None:
        self._inner = inner
        self._on_trouble = on_trouble
        self._on_status = on_status
        self._due = 0.0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            await self._turn()
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            self._tell(trouble(error))
            raise
        if response.status_code >= 400 and response.status_code not in (401, 403):
            self._tell(f"it answered a request with status {response.status_code}")
            if request.method == "POST":
                self._on_status(response.status_code)
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            await response.aclose()
            raise httpx2.DecodingError("its answer is packed, which was not asked for", request=request)
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            response.stream = _Counted(response.stream, request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _turn(self) -> None:
        # The mcp package takes up a stream that ends at once, as often as the server's `retry: 0` says.
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - GETS_AT_ONCE * GET_EVERY_S) + GET_EVERY_S
        if self._due > now:
            await asyncio.sleep(self._due - now)

    def _tell(self, what: str) -> None:
        if self._on_trouble is not None:
            self._on_trouble(what)


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: Any, request: httpx2.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for part in self._inner:
            count += len(part)
            if count > BODY_LIMIT:
                raise httpx2.ReadError(f"an answer of more than {BODY_LIMIT >> 20} MB", request=self._request)
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()
