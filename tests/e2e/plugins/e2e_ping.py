"""Answers `/ping` here, in one piece, and `/count` in several."""

from __future__ import annotations

from collections.abc import AsyncIterator

from codexplus_core import Exchange, LocalReply, hookimpl


@hookimpl
async def on_request(exchange: Exchange) -> LocalReply | None:
    if exchange.prompt == "/ping":
        return LocalReply("**pong** from the proxy")
    if exchange.prompt == "/count":
        return LocalReply(_count())
    return None


async def _count() -> AsyncIterator[str]:
    for word in ("one, ", "two, ", "three"):
        yield word
