"""``/_codexplus/metrics`` and ``/_codexplus/metrics.json``: guarded like every route, and read with a token too."""

from __future__ import annotations

from typing import Protocol

from .registry import Family
from .rolling import Rolling


class Source(Protocol):
    """Who has the numbers."""

    rolling: Rolling

    @property
    def on(self) -> bool:
        """Whether anything is counted."""
        ...

    @property
    def version(self) -> str:
        """The version of codex-plus."""
        ...

    def families(self) -> list[Family]:
        """Everything as it is now."""
        ...


def routes(source: Source) -> list[object]:
    """The two routes."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    async def text(request: Request) -> Response:
        from .exposition import OPEN_METRICS, TEXT, wants_open_metrics, written

        if not source.on:
            return PlainTextResponse(OFF + "\n", status_code=404)
        newer = wants_open_metrics(", ".join(request.headers.getlist("accept")))
        body = written(source.families(), open_metrics=newer)
        return Response(body, headers={"content-type": OPEN_METRICS if newer else TEXT, "cache-control": "no-store"})

    async def json(request: Request) -> Response:
        import time

        from .document import document

        if not source.on:
            return JSONResponse({"error": OFF}, status_code=404)
        found = document(source.families(), source.rolling, version=source.version, at=time.time())
        return JSONResponse(found, headers={"cache-control": "no-store"})

    return [Route("/metrics", text, methods=["GET"]), Route("/metrics.json", json, methods=["GET"])]


OFF = "metrics are switched off: metrics.enabled is false in the settings"
