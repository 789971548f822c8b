"""Lines for the user that the model never learns of: a message of their own in front of the model's answer."""

from __future__ import annotations

from uuid import uuid4

from codexplus_core import Event

BEGINNING = "response.created"
"""The event behind which the lines go out. At the end of an answer they would be what ``codex exec`` prints as its
result."""


def with_lines(event: Event, lines: list[str]) -> list[Event]:
    """The beginning of a response with a message behind it, as the API itself would send it."""
    text = "\n\n".join(lines)
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
