"""Answers the prompt `/ping` without asking the model."""

from codexplus_core import Exchange, LocalReply, hookimpl

ORDER = 50


@hookimpl
async def on_request(exchange: Exchange) -> LocalReply | None:
    if (exchange.prompt or "").strip() != "/ping":
        return None
    return LocalReply("pong")
