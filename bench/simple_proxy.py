"""The simplest proxy of the same parts, to compare with: `python -m bench.simple_proxy PORT UPSTREAM [async]`.

Starlette, hypercorn and curl_cffi, each used in the first way that comes to mind. Without ``async`` it is as plain as
can be: a session for every request, a synchronous one whose pieces Starlette fetches in worker threads; the answer's
status and headers are not passed on. With ``async`` it is what one would write next: one asynchronous session for all,
status and headers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvloop
from curl_cffi import requests
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_BROWSER = "chrome124"
_METHODS = ["GET", "POST", "PUT", "DELETE"]
_NOT_PASSED_ON = ("content-length", "transfer-encoding", "content-encoding", "connection")


class Plain:
    """Every request by itself."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream

    async def __call__(self, request: Request) -> Response:
        session: Any = requests.Session(impersonate=_BROWSER)
        answer = session.request(
            request.method, self._upstream + request.url.path, headers=dict(request.headers),
            data=await request.body(), stream=True,
        )  # fmt: skip
        return StreamingResponse(piece for piece in answer.iter_content() if piece)


class Asynchronous:
    """One session for all."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: Any = None

    async def __call__(self, request: Request) -> Response:
        if self._session is None:
            self._session = requests.AsyncSession(impersonate=_BROWSER, max_clients=1000, timeout=900)
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = await self._session.request(
            request.method, self._upstream + request.url.path, headers=headers, data=await request.body(), stream=True,
        )  # fmt: skip

        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_content():
                    yield piece
            finally:
                await answer.aclose()

        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_ON}
        return StreamingResponse(pieces(), status_code=answer.status_code, headers=kept)


async def run(port: int, upstream: str, kind: str) -> None:
    """Serve until killed."""
    proxy = Asynchronous(upstream) if kind == "async" else Plain(upstream)
    app = Starlette(routes=[Route("/{path:path}", proxy.__call__, methods=_METHODS)])
    config = Config.from_mapping(bind=[f"127.0.0.1:{port}"], loglevel="CRITICAL")
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)  # type: ignore[arg-type]


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "plain"))
