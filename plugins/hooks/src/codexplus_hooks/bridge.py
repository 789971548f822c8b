"""The bridge's end in the proxy: takes the events of Codex's own hooks and answers with the decision."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .bridge_client import HELLO
from .bridge_files import NATIVE_EVENTS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

LIMIT = 16 << 20
"""The most bytes of one event: tool outputs are in it, which Codex cuts long before that."""

PROBE = "codex_plus_probe"
"""A payload with this key is the doctor's: it is answered here and no hook hears of it."""


class Native(Protocol):
    """Who decides about an event of Codex's own hooks."""

    async def native(self, event: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The decision, in the words of Codex's output for this event; None for nothing to say."""
        ...


@dataclass(slots=True)
class Arrived:
    """How often an event came in, and when last (seconds since 1970)."""

    count: int = 0
    last: float = 0.0


class Bridge:
    """The routes ``/_codexplus/hooks/EVENT``, and what has come in over them since the proxy started."""

    def __init__(self, engine: Native, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self.arrived = {event: Arrived() for event in NATIVE_EVENTS}

    def routes(self) -> list[BaseRoute]:
        """For ``add_routes``."""
        # Starlette is paid for by the proxy, not by every command of the command line.
        from starlette.routing import Route

        return [Route("/hooks/{event}", self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        """Take one event and stream the answer: a line at once, the decision when the hooks have made it."""
        from starlette.responses import StreamingResponse

        event: str = request.path_params["event"]
        if event not in self.arrived:
            return _refused(404, f"{event[:40]} is no event of Codex; one of {', '.join(NATIVE_EVENTS)} is")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LIMIT:
                return _refused(413, f"an event has at most {LIMIT} bytes")
        try:
            payload = json.loads(bytes(body))
        except (ValueError, RecursionError):
            payload = None
        if not isinstance(payload, dict):
            return _refused(400, "the body must be a JSON object")
        return StreamingResponse(self._answer(event, payload), media_type="text/plain")

    async def _answer(self, event: str, payload: dict[str, Any]) -> AsyncIterator[bytes]:
        # The client waits long for hooks only when it knows that somebody took the event.
        yield HELLO + b"\n"
        if PROBE in payload:
            yield _line(self._probed(str(payload[PROBE])))
            return
        arrived = self.arrived[event]
        arrived.count += 1
        arrived.last = self._clock()
        yield _line(await self._engine.native(event, payload))

    def _probed(self, word: str) -> dict[str, Any]:
        events = {event: each.count for event, each in self.arrived.items() if each.count}
        return {PROBE: word, "events": events, "last": max(each.last for each in self.arrived.values())}


def _line(decision: Mapping[str, Any] | None) -> bytes:
    if not decision:
        return b"none\n"
    # ASCII, and no newline at the end: the client counts bytes, and a shell drops trailing newlines.
    data = json.dumps(decision).encode("ascii")
    return b"answer %d\n%b" % (len(data), data)


def _refused(status: int, message: str) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse({"error": {"message": message, "type": "codex_plus_refused"}}, status)
