"""The requests of a sign-in: asked about first, to permitted addresses only, bounded, and silent about secrets."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from codexplus_core import Action, Core, Problem

from . import library
from .failure import trouble
from .reach import Reach, host_of, is_loopback, origin_of

if TYPE_CHECKING:
    import httpx2

LIMIT = 1 << 20
"""Bytes of an answer; the documents of a sign-in have a few thousand."""
SECONDS = 30.0
"""For one request, from the question to its last byte."""
REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``body`` is the JSON object in it, None where there is none; it may hold secrets."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: dict[str, Any] | None = field(default=None, repr=False)


class Outgoing:
    """Sends the requests of one server's sign-in; ``source`` says on whose behalf, for those who may veto.

    Every method raises Problem (nobody there, too slow, too large, not permitted) and ActionDenied. Their messages name
    the host and never what was sent. ``transport`` is for tests.
    """

    def __init__(
        self, core: Core, reach: Reach, *, source: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._core = core
        self.reach = reach
        self._source = source
        self._transport = transport

    async def get(self, url: str, what: str) -> Reply:
        """Fetch a document; redirects are followed within its origin."""
        for _ in range(REDIRECTS):
            reply = await self._send("GET", url, what, headers={"accept": "application/json"})
            location = reply.headers.get("location", "")
            if reply.status not in (301, 302, 303, 307, 308) or not location:
                return reply
            onward = urljoin(url, location)
            if origin_of(self.reach.check(onward, f"where {what} redirects to")) != origin_of(url):
                return reply
            url = onward
        return reply

    async def post_form(self, url: str, form: Mapping[str, str], what: str, headers: Mapping[str, str]) -> Reply:
        """Send a form; a redirect is not followed."""
        return await self._send("POST", url, what, headers={"accept": "application/json", **headers}, form=form)

    async def post_json(self, url: str, body: Mapping[str, Any], what: str) -> Reply:
        """Send JSON; a redirect is not followed."""
        return await self._send("POST", url, what, headers={"accept": "application/json"}, body=body)

    async def knock(self, url: str, what: str, headers: Mapping[str, str], *, body: Mapping[str, Any] | None) -> Reply:
        """Ask a server without a token, to see its status and headers; what it answers is not read."""
        method = "GET" if body is None else "POST"
        return await self._send(method, url, what, headers=headers, body=body, read=False)

    async def _send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        read: bool = True,
    ) -> Reply:
        # Its import is a tenth of a second, paid with the first request.
        import httpx2

        library.silence()
        host = host_of(urlsplit(self.reach.check(url, what)))
        await self._core.connect(Action("connect", url=url.partition("?")[0], source=self._source))
        try:
            async with asyncio.timeout(SECONDS), await self._client(url) as client:
                # Nothing here is worth unpacking, and what unpacks may be a bomb.
                sent = {**headers, "accept-encoding": "identity", "user-agent": "codex-plus"}
                async with client.stream(method, url, headers=sent, data=form, json=body) as response:
                    found = {name.lower(): value for name, value in response.headers.items()}
                    data = await _bounded(response, host) if read else b""
                    return Reply(response.status_code, found, _object(data))
        except TimeoutError:
            raise Problem(f"{host}: no answer within {SECONDS:g} s ({what}); try again later") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            # The exception carries the request, and that the secrets; only its kind is told.
            raise Problem(f"{host}: cannot be reached ({what}{_kind(error)}); {_todo(error)}") from None

    async def _client(self, url: str) -> httpx2.AsyncClient:
        import httpx2

        from .guarded_transport import GuardedTransport

        transport = self._transport
        if transport is None:
            proxy = proxy_for(url)
            # Reading the system's certificates takes tens of milliseconds.
            transport = await asyncio.to_thread(_transport, proxy)
            if not proxy:
                transport = GuardedTransport(transport, self.reach)
        return httpx2.AsyncClient(transport=transport, trust_env=False, timeout=SECONDS, follow_redirects=False)


def proxy_for(url: str) -> str:
    """The proxy that the environment names for this URL, ``""`` for none. Raises Problem for a kind we cannot use.

    Behind a proxy it is the proxy that looks names up, so only literal addresses can be checked here.
    """
    parts = urlsplit(url)
    host = host_of(parts)
    if is_loopback(host) or proxy_bypass(host):
        return ""
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all") or ""
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and urlsplit(proxy).scheme not in ("http", "https"):
        raise Problem("only http and https proxies can be used for signing in; set HTTPS_PROXY to one")
    return proxy


def _transport(proxy: str) -> httpx2.AsyncBaseTransport:
    import httpx2

    limits = httpx2.Limits(max_connections=4, max_keepalive_connections=0)
    return httpx2.AsyncHTTPTransport(proxy=proxy or None, limits=limits)


async def _bounded(response: httpx2.Response, host: str) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(f"{host}: answers in a packed form that was not asked for; its operator has to mend that")
    data = bytearray()
    async for part in response.aiter_raw():
        data += part
        if len(data) > LIMIT:
            raise Problem(f"{host}: its answer is larger than {LIMIT >> 10} KB, which no answer here is")
    return bytes(data)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _kind(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f": TLS: {cause.reason or type(cause).__name__}"
        cause = cause.__cause__ or cause.__context__
    said = trouble(error)
    return "" if said.endswith("reached") else f": {said}"


def _todo(error: Exception) -> str:
    if _kind(error).startswith(": TLS"):
        return "if your network inspects TLS, name its certificates in SSL_CERT_FILE"
    return "check the address, the network and HTTPS_PROXY"
