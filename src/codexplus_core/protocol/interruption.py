"""How the API ends an answer of which its client wants no more, for an upstream that cannot be told so."""

from __future__ import annotations

from typing import Any

from . import replies
from .events import Event
from .messages import ENDINGS, INTERRUPT, INTERRUPTED

_CREATED, _ADDED, _DONE = "response.created", "response.output_item.added", "response.output_item.done"


class Interruption:
    """Follows an answer over all its rounds, and knows the events that end it where it stands.

    They are those that Codex 0.169 expects: the interruption is accepted, what was not finished is forgotten, and the
    next request goes on from an incomplete response with what was.
    """

    __slots__ = ("_last", "_model", "_open", "_output", "_response", "ended")

    def __init__(self, model: str) -> None:
        self.ended = False
        """Whether the newest round has come to an end of its own."""
        self._model = model
        self._response: dict[str, Any] | None = None
        self._open: dict[int, dict[str, Any]] = {}
        self._output: list[dict[str, Any]] = []
        self._last: Event | None = None

    def begin(self) -> None:
        """A round begins."""
        self.ended = False
        self._open.clear()
        self._output = []

    def note(self, event: Event) -> None:
        """The round goes on with this event."""
        kind = event.type
        self._last = event
        if kind in (_ADDED, _DONE):
            self._item(kind, event.data or {})
        elif kind == _CREATED:
            response = (event.data or {}).get("response")
            self._response = response if isinstance(response, dict) else None
        elif kind in ENDINGS:
            self.ended = True

    def _item(self, kind: str, data: dict[str, Any]) -> None:
        item, index = data.get("item"), data.get("output_index")
        if not isinstance(item, dict) or not isinstance(index, int):
            return
        if kind == _ADDED:
            self._open[index] = {"item_id": item.get("id"), "output_index": index}
        else:
            self._open.pop(index, None)
            self._output.append(item)

    def ending(self, name: str) -> list[Event]:
        """The events that end it now; ``name`` is the client's name for the response where upstream has told none."""
        # Without usage, which only the upstream knows: Codex would take zeros for an empty context.
        response = self._response or (replies.created(name, self._model).data or {})["response"]
        details = {"reason": INTERRUPTED}
        ended = {**response, "status": "incomplete", "incomplete_details": details, "output": self._output}
        named = {"response_id": response.get("id") or name}
        events = [
            (f"{INTERRUPT}.accepted", named),
            *(("response.output_item.interrupted", {**named, **place}) for place in self._open.values()),
            ("response.incomplete", {"response": ended}),
        ]
        last = (self._last.data or {}).get("sequence_number") if self._last is not None else None
        if not isinstance(last, int):
            return [Event(type, data) for type, data in events]
        return [Event(type, {**data, "sequence_number": at}) for at, (type, data) in enumerate(events, last + 1)]
