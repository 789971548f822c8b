"""What the user is told about servers in front of the model's answer, once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from codexplus_core import Event, Exchange

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


def with_message(event: Event, text: str) -> list[Event]:
    """An event with a whole message of the assistant behind it, as the API itself would send it."""
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
