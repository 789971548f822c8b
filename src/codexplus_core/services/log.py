"""The proxy's own log: one event with fields a line, as JSON or to read, never a body or a header value, no secrets."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, TextIO

import structlog

from .redact import Redactor, redacting
from .settings import LogFormat

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


request_id: ContextVar[str] = ContextVar("codexplus_request", default="")
"""Of the request that is being served; it stands in every line that is about it."""

_PLAIN = re.compile(r"[!#-~]+")
_FIRST = ("timestamp", "level", "event")


def open_log(
    stream: TextIO | None = None,
    *,
    level: str = "warning",
    form: LogFormat | None = None,
    token: str = "",
    redactor: Redactor | None = None,
) -> Any:
    """A logger that writes to ``stream`` (standard error unless given), without secrets.

    ``form`` is ``json``, ``human``, or None for the latter in a terminal and JSON elsewhere. ``token`` is the proxy's
    own secret. ``redactor`` knows those of the user; the built-in rules hold in any case.
    """
    out = sys.stderr if stream is None else stream
    if form is None:
        form = "human" if _is_terminal(out) else "json"
    redactor = redactor or Redactor()
    if token:
        redactor = redactor.with_secrets(("token", token))
    return structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request,
            structlog.processors.format_exc_info,
            redacting(redactor),
            structlog.processors.JSONRenderer(ensure_ascii=True) if form == "json" else _to_read,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )


def _is_terminal(out: TextIO) -> bool:
    try:
        return out.isatty()
    except ValueError:  # it is closed
        return False


def _with_request(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request := request_id.get():
        event.setdefault("request", request)
    return event


def _to_read(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """``12:00:00 warning  request_refused code=foreign_host status=421``, then the lines of a traceback."""
    fields = dict(event)
    trace = str(fields.pop("exception", ""))
    when, level, what = (str(fields.pop(name, "")) for name in _FIRST)
    words = [
        when[11:19],
        f"{level:<7}",
        _word(what),
        *(f"{_word(name)}={_word(value)}" for name, value in fields.items()),
    ]
    return "\n".join([" ".join(words), *(f"    {json.dumps(line)[1:-1]}" for line in trace.splitlines())])


def _word(value: Any) -> str:
    """As JSON writes it, so that nothing ends the line or speaks to the terminal; plain words without quotes."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=True, default=repr)
