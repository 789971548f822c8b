"""What a request says when it goes up, where that is not what the client said."""

from __future__ import annotations

import msgspec

from ..protocol.items import Item
from ..protocol.pieces import Pieces
from .passage import Passage


class Outgoing(msgspec.Struct, frozen=True):
    """What differs from the client's request: all items, the model, further tools."""

    items: Pieces | None
    model: str | None
    tools: list[Item]

    @property
    def changed(self) -> bool:
        """Whether anything does."""
        return self.items is not None or self.model is not None or bool(self.tools)


def compose(passage: Passage, added: list[bytes]) -> Outgoing:
    """What goes up in the next round, behind the items that the rounds so far have ``added``."""
    exchange, reading = passage.exchange, passage.reading
    if not added:
        passage.sent = reading.ledger.project(reading.view, reading.count)
    items = passage.sent
    if added:
        # On top of what the first round was sent: the ledger by now holds this exchange's own hidden items too.
        items = Pieces([*(items if items is not None else reading.raw_items()), *added])
    model = exchange.model if exchange.model != passage.body.text("model") else None
    tools: list[Item] = []
    if exchange.added_tools and passage.body.value("stream") is True:
        # Without a stream nobody could answer a call of ours before the client sees it.
        tools = list(exchange.added_tools.values())
    return Outgoing(items, model, tools)
