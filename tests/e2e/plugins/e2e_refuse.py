"""Refuses every prompt about the plans."""

from __future__ import annotations

from codexplus_core import Exchange, Refusal, hookimpl

WORDS = "The plans are secret; ask about something else."


@hookimpl
def on_request(exchange: Exchange) -> Refusal | None:
    return Refusal(WORDS) if exchange.prompt and "secret plans" in exchange.prompt else None
