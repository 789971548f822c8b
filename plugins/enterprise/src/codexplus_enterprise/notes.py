"""Words for the user that the model never learns of: a message of their own in front of the model's answer."""

from __future__ import annotations

from codexplus_core import Event, Exchange, with_message

BEGINNING = "response.created"
"""The event behind which they go out; at an answer's end they would be what ``codex exec`` prints as its result."""
_NOTE = "note"


def leave(exchange: Exchange, note: str | None) -> None:
    """Show ``note`` with the answer to this exchange; with None nothing of the answer is looked at.

    An answer that is no stream has no place for it.
    """
    if note is None or exchange.body.get("stream") is not True:
        exchange.watch()
        return
    exchange.state[_NOTE] = note
    exchange.watch(BEGINNING)


def shown(exchange: Exchange, event: Event) -> list[Event] | None:
    """The beginning of an answer with the note behind it; None where there is none."""
    text = exchange.state.pop(_NOTE, None) if event.type == BEGINNING else None
    return None if text is None else with_message(event, text)
