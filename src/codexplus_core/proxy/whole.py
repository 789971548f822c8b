"""An answer in one piece of JSON: its tool calls are judged like a stream's, before the client sees any of it."""

from __future__ import annotations

from typing import Any

import msgspec

from ..conversation.reading import Reading
from ..dispatch import Dispatcher
from ..exchange import Exchange, Refusal
from ..protocol import calls
from ..protocol.body import encode_item
from ..protocol.errors import error_message
from ..protocol.items import Item
from ..protocol.tools import ToolCall
from .transport import Answer

_ERROR_BYTES = 64 * 1024
MOST_BYTES = 4 * 1024 * 1024
"""A larger one is not judged."""
# One that goes on in the background shows its calls later, on another path.
_ENDED = ("completed", "incomplete", "failed", "cancelled", None)


async def beginning(answer: Answer) -> bytes:
    """A body up to its end, or somewhat more than ``MOST_BYTES`` of it. Raises UpstreamCut."""
    found = bytearray()
    while len(found) <= MOST_BYTES and (data := await answer.read()):
        found += data
    return bytes(found)


async def words_of(answer: Answer) -> str:
    """What an answer that is an error says of it. Raises UpstreamCut."""
    data = b""
    while len(data) < _ERROR_BYTES and (more := await answer.read()):
        data += more
    return error_message(data)


async def judged(data: bytes, exchange: Exchange, reading: Reading, dispatch: Dispatcher) -> bytes | Refusal | None:
    """The answer as it may go to the client, why it may not, or None where nobody can tell what it asks for.

    Without a stream the model cannot be asked again within the answer, so that one call that may not be made, or that a
    plugin answers itself, refuses all of it.
    """
    response = _response(data)
    if response is None:
        return None
    items: list[Any] = response["output"]
    sent: list[Any] = []
    for item in items:
        call = calls.call_of(item) if isinstance(item, dict) else None
        if call is not None:
            changed, verdict = await dispatch.tool_use(exchange, call)
            if verdict is not None:
                return _denied(call, verdict)
            item = item if changed == call else calls.item_with(item, changed)
        sent.append(item)
    if sent == items:
        return data
    for own, given in zip(items, sent, strict=True):
        _keep(own, given, reading)
    return msgspec.json.encode({**response, "output": sent})


def _response(data: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(data) if len(data) <= MOST_BYTES else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("output"), list):
        return None
    return found if found.get("status") in _ENDED else None


def _denied(call: ToolCall, verdict: object) -> Refusal:
    why = verdict.message if isinstance(verdict, Refusal) else "a plugin answers it, which needs a stream"
    return Refusal(f"the model asked for {call.name}, which was not let through: {why}", code="tool_call_denied")


def _keep(own: Any, given: Any, reading: Reading) -> None:
    """Let the ledger know an item that the client gets in other words: the model is to read its own."""
    if not isinstance(given, dict):
        return
    key = reading.emission.add(given)
    if given is not own:
        original: Item = own if reading.view.has_ids else {name: value for name, value in own.items() if name != "id"}
        reading.ledger.record(key, "call", replace=[encode_item(original)])
