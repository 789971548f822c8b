"""The proxy's own log: one JSON object a line, events with fields, never a body or a header value, no secrets."""

from __future__ import annotations

import sys
from typing import Any, TextIO

import structlog

from .redact import Redactor, redacting

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def open_log(
    stream: TextIO | None = None, *, level: str = "warning", token: str = "", redactor: Redactor | None = None
) -> Any:
    """A logger that writes to ``stream`` (standard error unless given), without secrets.

    ``token`` is the proxy's own secret. ``redactor`` knows those of the user; the built-in rules hold in any case.
    """
    out = sys.stderr if stream is None else stream
    redactor = redactor or Redactor()
    if token:
        redactor = redactor.with_secrets(("token", token))
    return structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redacting(redactor),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )
