"""What the user is told about servers in front of the model's answer, once."""

from __future__ import annotations

from collections.abc import Sequence

from codexplus_core import Event, Exchange, with_message

BEGINNING = "response.created"
"""The event behind which it goes out."""
_DUE = "notice"


class Notices:
    """Puts a message of ours behind the beginning of a response."""

    def tell(self, exchange: Exchange, texts: Sequence[str]) -> None:
        """Have this exchange's answer begin with these words, if there are any; asks for the one event it needs."""
        if texts:
            exchange.state[_DUE] = "\n\n".join((*filter(None, [exchange.state.get(_DUE)]), *texts))
            exchange.watch(BEGINNING)

    def on_chunk(self, exchange: Exchange, event: Event) -> list[Event] | None:
        """The beginning with the message behind it."""
        text = exchange.state.pop(_DUE, None) if event.type == BEGINNING else None
        return None if text is None else with_message(event, text)
