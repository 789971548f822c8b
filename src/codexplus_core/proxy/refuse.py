"""Sending a refusal before the request's body has been read, so that the client gets to read it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from .guard import Denied

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_SECONDS = 2.0


async def refuse(denied: Denied, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer with a refusal and end the connection; any answer that is given while the body still comes goes this way.

    The answer leaves at once. What the client still sends is then thrown away, up to 64 MiB and two seconds: a socket
    closed with unread bytes resets the connection, and the client would lose the words it was sent.
    """
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = denied.headers()
    if scope["http_version"] in ("2", "3"):
        headers = [(name, value) for name, value in headers if name != b"connection"]
    await send({"type": f"{kind}.start", "status": denied.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": denied.body(), "more_body": True})
    end = {"type": f"{kind}.body", "body": b"", "more_body": False}
    if scope["type"] == "websocket" or await _drained(receive):
        await send(end)
        return
    # hypercorn 0.18 hands the body over through a queue of ten; when nobody empties it, the connection's reader and
    # its end wait for each other, and a client that sends on would hold the connection for ever.
    async with asyncio.TaskGroup() as group:
        swallowing = group.create_task(_swallow(receive), name="swallow-refused-body")
        await send(end)
        swallowing.cancel()


async def _drained(receive: Receive) -> bool:
    size = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while size < _DRAIN_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return True
    except TimeoutError:
        pass
    return False


async def _swallow(receive: Receive) -> None:
    while (await receive())["type"] == "http.request":
        pass
