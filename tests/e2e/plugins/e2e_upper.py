"""Rewrites `/up WORDS` to `REWRITTEN: WORDS`."""

from __future__ import annotations

from codexplus_core import Exchange, hookimpl


@hookimpl
def on_request(exchange: Exchange) -> None:
    if exchange.prompt is not None and exchange.prompt.startswith("/up "):
        exchange.prompt = f"REWRITTEN: {exchange.prompt.removeprefix('/up ')}"
