"""The gateway's two routes: one request a POST, answered as JSON or, where progress is to be reported, as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import protocol
from .gateway import Gateway, project_of
from .protocol import NotUnderstood, Request

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response

Find = Callable[[], Gateway | None]
_KEEP_ALIVE_S = 15.0


def routes(gateway: Find) -> list[Any]:
    """The routes below ``/_codexplus/``; ``gateway`` gives the one there is once the proxy has started."""
    from starlette.routing import Route

    running: dict[tuple[str, int | str], asyncio.Task[bytes]] = {}

    async def answer(request: HttpRequest) -> Response:
        return await _answer(request, gateway(), running)

    return [Route("/mcp", answer, methods=["POST"]), Route("/mcp/{code}", answer, methods=["POST"])]


async def _answer(
    http: HttpRequest, gateway: Gateway | None, running: dict[tuple[str, int | str], asyncio.Task[bytes]]
) -> Response:
    from starlette.responses import Response, StreamingResponse

    code = http.path_params.get("code")
    project = None if code is None else project_of(code)
    if gateway is None or (code is not None and project is None):
        return Response(protocol.error(None, protocol.INVALID_REQUEST, "no such gateway"), 404, media_type=_JSON)
    try:
        request = protocol.read(await _body(http))
    except NotUnderstood as trouble:
        return Response(protocol.error(None, trouble.code, str(trouble)), 400, media_type=_JSON)
    # Without meaning here but one: to know which client's call of a number is to be cancelled.
    client = http.headers.get("mcp-session-id", "")
    if request is None or request.id is None:
        if request is not None and request.method == "notifications/cancelled":
            which = request.params.get("requestId")
            task = running.get((client, which)) if isinstance(which, int | str) else None
            if task is not None:
                task.cancel()
        return Response(status_code=202)
    token = request.meta.get("progressToken")
    if request.method != "tools/call" or token is None:
        headers = {"mcp-session-id": uuid4().hex} if request.method == "initialize" else {}
        return Response(await _whole(gateway, request, project, running, client), media_type=_JSON, headers=headers)
    stream = _streamed(gateway, request, project, token, running, client)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-cache"})


async def _whole(
    gateway: Gateway,
    request: Request,
    project: Any,
    running: dict[tuple[str, int | str], asyncio.Task[bytes]],
    client: str,
) -> bytes:
    """The answer to a request in one piece; one that is cancelled ends at once."""
    assert request.id is not None
    key = (client, request.id)
    work = asyncio.get_running_loop().create_task(gateway.answer(request, project), name="mcp gateway request")
    running[key] = work
    try:
        await asyncio.wait({work})
        if work.cancelled():
            return protocol.error(request.id, protocol.CANCELLED, "cancelled")
        return work.result()
    finally:
        await _over(key, work, running)


async def _over(
    key: tuple[str, int | str], work: asyncio.Task[bytes], running: dict[tuple[str, int | str], asyncio.Task[bytes]]
) -> None:
    if running.get(key) is work:
        del running[key]
    if not work.done():
        work.cancel()
        await asyncio.wait({work})


async def _streamed(
    gateway: Gateway,
    request: Request,
    project: Any,
    token: object,
    running: dict[tuple[str, int | str], asyncio.Task[bytes]],
    client: str,
) -> AsyncIterator[bytes]:
    """The reports of a call as they come, and its answer. Ends the call when the client has gone."""
    news: asyncio.Queue[bytes] = asyncio.Queue(maxsize=100)

    async def progress(done: float, total: float | None, message: str | None) -> None:
        params = {"progressToken": token, "progress": done, "total": total, "message": message}
        if not news.full():
            told = {name: value for name, value in params.items() if value is not None}
            news.put_nowait(protocol.notification("notifications/progress", told))

    assert request.id is not None
    key = (client, request.id)
    work = asyncio.get_running_loop().create_task(gateway.answer(request, project, progress), name="mcp gateway call")
    running[key] = work
    try:
        while not work.done():
            item = asyncio.get_running_loop().create_task(news.get())
            await asyncio.wait({work, item}, timeout=_KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
            if item.done():
                yield protocol.event(item.result())
            else:
                item.cancel()
                if not work.done():
                    yield b": still running\n\n"
        while not news.empty():
            yield protocol.event(news.get_nowait())
        if not work.cancelled():
            yield protocol.event(work.result())
    finally:
        await _over(key, work, running)


async def _body(http: HttpRequest) -> bytes:
    data = b""
    async for piece in http.stream():
        data += piece
        if len(data) > protocol.LARGEST:
            raise NotUnderstood(f"the body is longer than {protocol.LARGEST} bytes")
    return data


_JSON = "application/json"
