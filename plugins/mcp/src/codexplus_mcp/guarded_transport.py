"""An HTTP transport that looks at every address before it connects, and connects to that address and no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import httpx2

from .reach import Address, Reach

Resolve = Callable[[str, int], Awaitable[tuple[Address, ...]]]


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Passes requests on to ``inner`` with the host replaced by an address that ``reach`` permits.

    A name is looked up once for each request and that answer is used, so a name that changes its mind between the look
    and the connection gains nothing. Certificates are still checked against the name. Raises Problem for a forbidden
    address, httpx2.ConnectError where none can be reached. Keep no connection open in ``inner``: its pool knows
    addresses only, and two names may share one.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, reach: Reach, *, resolve: Resolve | None = None) -> None:
        self._inner = inner
        self._reach = reach
        self._resolve = resolve or addresses_of

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to the first permitted address that answers."""
        host = request.url.raw_host.decode("ascii")
        self._reach.check(str(request.url.copy_with(query=None)), f"the address {host}")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        failure: httpx2.HTTPError | None = None
        for address in self._reach.permitted(host, await self._resolve(host, port)):
            pinned = httpx2.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._inner.aclose()


async def addresses_of(host: str, port: int) -> tuple[Address, ...]:
    """The addresses of a host, as the system resolves it. Raises httpx2.ConnectError where it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpx2.ConnectError(f"{host}: no such host") from None
    return tuple(dict.fromkeys(ip_address(str(row[4][0]).partition("%")[0]) for row in found))
