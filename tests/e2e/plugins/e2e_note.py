"""Notes every new prompt in a file: a side effect that must happen once."""

from __future__ import annotations

from pathlib import Path

from codexplus_core import Exchange, hookimpl


@hookimpl
def on_request(exchange: Exchange) -> None:
    if exchange.prompt is not None:
        with Path.home().joinpath("noted").open("a", encoding="utf-8") as notes:
            notes.write(f"{exchange.prompt}\n")
