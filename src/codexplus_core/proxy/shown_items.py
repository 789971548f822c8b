"""Which items the client gets in the place of one of the model's, when plugins have changed its events."""

from __future__ import annotations

from ..protocol.events import Event
from ..protocol.items import Item, is_call

DONE = "response.output_item.done"


def items_in(shown: list[Event], item: Item, out: list[Event]) -> list[Item]:
    """The items that ``shown`` hands to the client for ``item``; what must not go out is taken out of ``out``."""
    found: list[Item] = []
    for event in shown:
        sent = (event.data or {}).get("item") if event.type == DONE else None
        if not isinstance(sent, dict):
            continue
        if is_call(sent) and (sent.get("call_id") != item.get("call_id") or any(is_call(one) for one in found)):
            # The client runs what the model called, once; any other call's output would answer nothing upstream.
            out.remove(event)
            continue
        if sent.get("id") and any(sent["id"] == one.get("id") for one in found):
            # Two items of one id are one item to everybody who goes by ids.
            sent = {**sent, "id": f"{sent['id']}_{len(found)}"}
            out[_last(out, event)] = event.replace({**(event.data or {}), "item": sent})
        found.append(sent)
    return found


def _last(events: list[Event], event: Event) -> int:
    return max(at for at, other in enumerate(events) if other is event)
