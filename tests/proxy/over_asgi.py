"""A client of the application that sees every message at the moment it is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from codexplus_core.testing import Harness


async def over_asgi(proxy: Harness, request: Any, send: Any) -> None:
    """Send a request and hear every message of the answer as it is sent."""
    given = False

    async def receive() -> Any:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    headers = [(b"host", b"127.0.0.1:3000"), *(h for h in request.headers if h[0] != b"host")]
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": request.path, "query_string": b"",
        "raw_path": request.path.encode(), "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000),
    }  # fmt: skip
    await proxy.app(scope, receive, send)
