"""The proxy's own log: one JSON object a line, events with fields, never a body or a header value."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def open_log(stream: TextIO | None = None, *, level: str = "warning", token: str = "") -> Any:
    """A logger that writes to ``stream`` (standard error unless given). ``token``, the proxy's secret, is blotted
    out.
    """
    out = sys.stderr if stream is None else stream
    chain: list[Callable[..., Any]] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if token:
        chain.append(_without(token))
    chain.append(structlog.processors.JSONRenderer(ensure_ascii=True))
    return structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )


def _without(token: str) -> Callable[[Any, str, dict[str, Any]], dict[str, Any]]:
    def blot(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {
            key: value.replace(token, "…") if isinstance(value, str) and token in value else value
            for key, value in event.items()
        }

    return blot
