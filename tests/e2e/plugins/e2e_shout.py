"""Two slash commands, `/shout` and `/archi`: the model gets what stands behind them, in capitals."""

from __future__ import annotations

from codexplus_core import Command, Exchange, hookimpl


@hookimpl
def add_commands() -> list[Command]:
    return [Command("shout", "say it aloud", "WORDS", expand=_shout), Command("archi", "aloud, too", expand=_shout)]


async def _shout(exchange: Exchange, args: str) -> str:
    return f"SHOUTED: {args.upper()}"
