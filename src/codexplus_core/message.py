"""A message to the user in the midst of the model's answer."""

from __future__ import annotations

from uuid import uuid4

from .protocol.events import Event
from .protocol.replies import message_events, message_id, message_item


def with_message(event: Event, text: str) -> list[Event]:
    """An event with a whole message of the assistant behind it, as the API itself would send it, for ``on_chunk``.

    Codex shows ``text`` as Markdown; the model never learns of it. Put it behind ``response.created``
    (``exchange.watch("response.created")``): behind an answer's end it would be what ``codex exec`` prints as its
    result.
    """
    item = message_item(message_id(lambda: uuid4().hex), text)
    return [event, *message_events(item)]
