"""A plugin that looks at everything and changes nothing."""

from __future__ import annotations

from codexplus_core import Event, Exchange, hookimpl


class Looks:
    """Watches everything and changes nothing."""

    def __init__(self) -> None:
        self.types: list[str] = []

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.body.get("model")

    @hookimpl
    def on_chunk(self, event: Event) -> None:
        self.types.append(event.type)

    @hookimpl
    def on_tool_use(self) -> None: ...

    @hookimpl
    def on_tool_result(self) -> None: ...

    @hookimpl
    def on_turn_end(self) -> None: ...
