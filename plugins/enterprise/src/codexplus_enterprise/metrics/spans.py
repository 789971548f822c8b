"""One span for each model request, in the names of OpenTelemetry's conventions; no words of anybody's in it."""

from __future__ import annotations

import hashlib
import os
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from codexplus_core import Exchange, Outcome

from . import names
from .otlp import Attribute, attributes, nanoseconds

WAITING = 2048
"""Spans that wait to be sent; the oldest are dropped, and counted."""
_CLIENT, _ERROR = 3, 2
_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


class Spans:
    """Spans that wait to be sent. ``clock`` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float], dropped: Callable[[int], None], most: int = WAITING) -> None:
        self._clock = clock
        self._dropped = dropped
        self._waiting: deque[dict[str, Any]] = deque()
        self._most = most

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, exchange: Exchange, outcome: Outcome, model: str, at: float | None = None) -> None:
        """Note a model request that ended at that time, None for now.

        ``model`` is its label, so that no client's secret gets out by it.
        """
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self._dropped(1)
        now = self._clock() if at is None else at
        trace, parent = _trace_of(exchange)
        usage = outcome.usage
        about: dict[str, Attribute] = {
            names.OPERATION: "chat",
            names.PROVIDER: "openai",
            names.REQUEST_MODEL: model,
            names.CONVERSATION: exchange.session.thread_id,
            names.INPUT_TOKENS: usage.input_tokens,
            names.OUTPUT_TOKENS: usage.output_tokens,
            names.CACHED_TOKENS: usage.cached_tokens,
            names.REASONING_TOKENS: usage.reasoning_tokens,
            names.ERROR: outcome.error or "",
            "http.response.status_code": outcome.status,
            "codexplus.rounds": outcome.rounds,
            "codexplus.turn.id": exchange.turn.id,
            "codexplus.turn.origin": exchange.turn.origin,
            "codexplus.transport": exchange.transport,
        }
        span: dict[str, Any] = {
            "traceId": trace,
            "spanId": os.urandom(8).hex(),
            "name": f"chat {model}",
            "kind": _CLIENT,
            "startTimeUnixNano": nanoseconds(now - outcome.total_s),
            "endTimeUnixNano": nanoseconds(now),
            "attributes": attributes(about),
        }
        if parent:
            span["parentSpanId"] = parent
        if outcome.error is not None:
            span["status"] = {"code": _ERROR, "message": outcome.error}
        self._waiting.append(span)

    def take(self) -> list[dict[str, Any]]:
        """All that wait."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def put_back(self, spans: list[dict[str, Any]]) -> None:
        """Keep for the next time what could not be sent, as far as there is room."""
        room = self._most - len(self._waiting)
        if len(spans) > room:
            self._dropped(len(spans) - room)
        self._waiting.extendleft(reversed(spans[max(0, len(spans) - room) :] if room else []))


def _trace_of(exchange: Exchange) -> tuple[str, str]:
    """The trace that the client named and its span, else one trace for all requests of a turn."""
    named = _PARENT.fullmatch(exchange.headers.get("traceparent", ""))
    if named is not None:
        return named[1], named[2]
    if not exchange.turn.id:
        return os.urandom(16).hex(), ""
    whole = f"{exchange.session.thread_id}/{exchange.turn.id}"
    return hashlib.sha256(whole.encode()).hexdigest()[:32], ""
