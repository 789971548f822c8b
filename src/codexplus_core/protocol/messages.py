"""The Responses WebSocket: each text message is one JSON object, an event downwards and a request upwards."""

from __future__ import annotations

from typing import Any

import msgspec

from .body import MalformedBody, RequestBody, encode_item
from .errors import error_message
from .events import Event, frame
from .sse import type_in

ENDINGS = frozenset({"response.completed", "response.failed", "response.incomplete", "error"})
"""Events that end a response; the connection goes on."""
CREATE = "response.create"
"""The type of a request."""
INTERRUPT = "response.interrupt"
"""The type of a message that ends an answer: Codex 0.169 says it when the user types on while the model speaks."""
INTERRUPTED = "interrupted"
"""The reason of a ``response.incomplete`` that ends an answer because the client said so."""

_ENVELOPE = ("type", "previous_response_id")
_encode = msgspec.json.Encoder().encode
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_Decoded = msgspec.DecodeError, UnicodeDecodeError, RecursionError


def event_of(payload: bytes, *, framed: bool = False) -> Event:
    """The event of a message; ``framed`` for a client that reads server-sent events."""
    kind = type_in(payload).decode("utf-8", "replace")
    return Event(kind, raw=frame(kind, payload) if framed else payload, payload=payload)


def items_text(array: bytes | None) -> bytes:
    """The items of a JSON array without its brackets."""
    return b"" if array is None else array.strip()[1:-1].strip()


def items_of(message: RequestBody) -> bytes:
    """The items that a request brings; words alone are a user's message. Raises MalformedBody."""
    found = message.input
    if found is not None:
        return items_text(found)
    value = message.value("input")
    if value is None:
        return b""
    if not isinstance(value, str):
        raise MalformedBody("request body, input: neither a list of items nor a text")
    return _encode({"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]})


def as_request(message: RequestBody, items: bytes) -> bytes:
    """A message as the body of the HTTP request that would ask the same, with all of the conversation's items.

    ``generate`` stays: it tells a warm-up, which must not be sent over HTTP. ``stream`` is what Codex says in its
    messages, too; a WebSocket streams whatever is said.
    """
    top: dict[str, Any] = {key: raw for key, raw in message.top.items() if key not in _ENVELOPE}
    top["input"] = msgspec.Raw(b"[%b]" % items)
    top["stream"] = True
    return _encode(top)


def as_message(body: bytes, items: bytes, previous: str) -> bytes:
    """A request's body as a message that goes on from the response ``previous`` (``""`` for none) with ``items``."""
    top = _top.decode(body)
    made: dict[str, Any] = {"type": CREATE}
    for key, raw in top.items():
        if key not in _ENVELOPE:
            made[key] = raw
        if key == "model" and previous:
            made["previous_response_id"] = previous
    if previous:
        made.setdefault("previous_response_id", previous)
    made["input"] = msgspec.Raw(b"[%b]" % items)
    return _encode(made)


def about(message: RequestBody, response_id: str) -> bytes:
    """A message as one about the response ``response_id``; in its own bytes where it is that already."""
    if message.text("response_id") == response_id:
        return message.data
    return _encode({**message.top, "response_id": response_id})


def goes_on(event: Event) -> bool:
    """Whether a later request may go on from the response that this event ends."""
    if event.type != "response.incomplete":
        return event.type == "response.completed"
    response = (event.data or {}).get("response")
    details = response.get("incomplete_details") if isinstance(response, dict) else None
    return isinstance(details, dict) and details.get("reason") == INTERRUPTED


def error_frame(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    """How an HTTP answer that is an error is said on a WebSocket (Codex reads ``status`` and ``error``)."""
    error: Any = None
    try:
        value = msgspec.json.decode(body)
        error = value.get("error") if isinstance(value, dict) else None
    except _Decoded:
        pass
    if not isinstance(error, dict):
        words = error_message(body) or body[:4096].decode("utf-8", "replace") or f"status {status}"
        error = {"type": "invalid_request_error" if status < 500 else "server_error", "code": None, "message": words}
    return _encode({"type": "error", "status": status, "error": error, "headers": headers})


def item_of(event: Event) -> bytes:
    """The finished item of an ``output_item.done`` event, in the form in which both sides are compared."""
    item = (event.data or {}).get("item")
    return encode_item(item) if isinstance(item, dict) else b""


def status_of(event: Event) -> int | None:
    """The HTTP status that an error message names; None for any other event."""
    found = (event.data or {}).get("status") if event.type == "error" else None
    return found if isinstance(found, int) and 400 <= found < 600 else None


def response_id_of(event: Event) -> str:
    """The id of the response that an event belongs to, ``""`` where it names none."""
    response = (event.data or {}).get("response")
    found = response.get("id") if isinstance(response, dict) else None
    return found if isinstance(found, str) else ""
