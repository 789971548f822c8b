"""A question to a web server that is no upstream: a collector, or whoever has the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .policy.endpoints import endpoint_of


class NoAnswer(Exception):
    """No answer that can be used; the message says why, without the address and the server's own words."""


def ask(url: str, *, body: bytes | None = None, headers: Mapping[str, str], timeout_s: float, most: int) -> bytes:
    """The first ``most`` bytes of the answer to a GET, with ``body`` to a POST. Blocks for so long at each step.

    Redirects are not followed: only the URL itself was allowed. Raises NoAnswer, and BadEndpoint for a URL that means
    two places.
    """
    # Slow to import, and needed by few.
    import http.client
    import ssl
    import urllib.error
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    found = endpoint_of(url)
    # What lies on this machine is not to be asked of a proxy elsewhere.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({} if found.local else None), Stay()]
    if found.scheme == "https":
        # SSL_CERT_FILE, then the system's, as for every other connection.
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    request = urllib.request.Request(url, body, dict(headers), method="GET" if body is None else "POST")
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            return bytes(answer.read(most))
    except urllib.error.HTTPError as error:
        error.close()
        raise NoAnswer(f"answered {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise NoAnswer(f"cannot be reached: {type(reason).__name__}: {reason}") from None
