"""A plugin to measure with: it gives every prompt other words, so that every request has a body of its own."""

from __future__ import annotations

from codexplus_core import Exchange, hookimpl

ORDER = 50


@hookimpl
def on_request(exchange: Exchange) -> None:
    """Ask for a short answer."""
    if exchange.prompt:
        exchange.prompt += "\n\nPlease be brief."
