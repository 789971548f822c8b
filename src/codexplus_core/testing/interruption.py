"""How the API ends an answer because its client said ``response.interrupt``, as Codex 0.169 expects it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..protocol.messages import INTERRUPT, INTERRUPTED
from .item_rules import Illegal
from .streams import Event, usage

MODE = "discard_partial_items"
"""The only mode there is: what is not finished is forgotten."""


def response_to_interrupt(message: Any) -> str | None:
    """The response that a message wants to end, None for a message of another type. Raises Illegal."""
    if not isinstance(message, dict) or message.get("type") != INTERRUPT:
        return None
    if message.get("mode") != MODE:
        raise Illegal(f"Invalid value for 'mode': expected '{MODE}'.", code="invalid_value", param="mode")
    named = message.get("response_id")
    if not isinstance(named, str) or not named:
        raise Illegal(
            "Missing required parameter: 'response_id'.", code="missing_required_parameter", param="response_id"
        )
    return named


def interruption(sent: Sequence[Event]) -> list[Event]:
    """The events behind those that were sent: accepted, what is not finished, and the end."""
    response = sent[0]["response"]
    named = {"response_id": response["id"]}
    unfinished: dict[int, Event] = {}
    output = []
    for event in sent:
        if event["type"] == "response.output_item.added":
            unfinished[event["output_index"]] = {"item_id": event["item"]["id"], "output_index": event["output_index"]}
        elif event["type"] == "response.output_item.done":
            del unfinished[event["output_index"]]
            output.append(event["item"])
    details = {"reason": INTERRUPTED}
    ended = {**response, "status": "incomplete", "incomplete_details": details, "output": output, "usage": usage()}
    events = [
        {"type": f"{INTERRUPT}.accepted", **named},
        *({"type": "response.output_item.interrupted", **named, **place} for place in unfinished.values()),
        {"type": "response.incomplete", "response": ended},
    ]
    first = sent[-1]["sequence_number"] + 1
    return [{**event, "sequence_number": at} for at, event in enumerate(events, first)]
