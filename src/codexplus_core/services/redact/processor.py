"""Redaction of what is logged."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from .redactor import Redactor

Event = MutableMapping[str, Any]


def redacting(redactor: Redactor) -> Callable[[Any, str, Event], Event]:
    """A structlog processor that takes secrets out of an event; it stands right before the renderer.

    A traceback must be text by then (``structlog.processors.format_exc_info`` before it).
    """

    def redact(_logger: Any, _method: str, event: Event) -> Event:
        safe: Event = redactor.value(event)
        return safe

    return redact
