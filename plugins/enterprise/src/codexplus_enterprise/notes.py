"""Words for the user that the model never learns of: a message of their own in front of the model's answer."""

from __future__ import annotations

from uuid import uuid4

from codexplus_core import Event, Exchange

BEGINNING = "response.created"
"""The event behind which they go out; at an answer's end they would be what ``codex exec`` prints as its result."""
_NOTE = "note"


def leave(exchange: Exchange, note: str | None) -> None:
    """Show ``note`` with the answer to this exchange; with None nothing of the answer is looked at."""
    if note is None:
        exchange.watch()
        return
    exchange.state[_NOTE] = note
    exchange.watch(BEGINNING)


def shown(exchange: Exchange, event: Event) -> list[Event] | None:
    """The beginning of an answer with the note behind it, as the API itself would send it; None where there is none."""
    text = exchange.state.pop(_NOTE, None) if event.type == BEGINNING else None
    if text is None:
        return None
    id = f"msg_codexplus_{uuid4().hex}"
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": id, "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    place = {"item_id": id, "output_index": 0, "content_index": 0}
    begun = {**item, "status": "in_progress", "content": []}
    return [
        event,
        Event("response.output_item.added", {"output_index": 0, "item": begun}),
        Event("response.content_part.added", {**place, "part": {**part, "text": ""}}),
        Event("response.output_text.delta", {**place, "delta": text, "logprobs": []}),
        Event("response.output_text.done", {**place, "text": text, "logprobs": []}),
        Event("response.content_part.done", {**place, "part": part}),
        Event("response.output_item.done", {"output_index": 0, "item": item}),
    ]
