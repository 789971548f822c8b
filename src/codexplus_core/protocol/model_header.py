"""The name of the model that answered, where the API tells it inside its events."""

from __future__ import annotations

from typing import Any

from .events import Event

_HEADER = "openai-model"


def answered_by(event: Event, model: str) -> Event:
    """The event as it would be if ``model`` had answered; the same one where it names no model.

    Codex 0.169 reads this header from ``headers`` and ``response.headers`` of every event, whatever its type and on
    either transport. Where it is not the model that was asked, the user is told that the account was flagged.
    """
    if b"headers" not in event.payload or (data := event.data) is None:
        return event
    changed = _renamed(data, model)
    response = data.get("response")
    if isinstance(response, dict) and (inner := _renamed(response, model)) is not response:
        changed = {**changed, "response": inner}
    return event if changed is data else event.replace(changed)


def _renamed(holder: dict[str, Any], model: str) -> dict[str, Any]:
    headers = holder.get("headers")
    if not isinstance(headers, dict):
        return holder
    told = {name: [model] if isinstance(headers[name], list) else model for name in headers if name.lower() == _HEADER}
    return {**holder, "headers": {**headers, **told}} if told else holder
