"""What the Codex client reads out of an answer's bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .codex_items import CALLS
from .streams import Item

_FINAL_CODES = ("invalid_prompt", "cyber_policy", "context_length_exceeded", "insufficient_quota", "usage_not_included")

_RETRIED_CODES = ("previous_response_not_found", "websocket_connection_limit_reached")


@dataclass(slots=True)
class Seen:
    """What came of one answer."""

    text: str = ""
    """The words of whole messages, as the user reads them at the end."""
    streamed: str = ""
    """The words as they streamed, whole or not."""
    calls: list[Item] = field(default_factory=list)
    """Tool calls that the client runs."""
    error: str | None = None
    """What the user reads when it went wrong."""
    completed: bool = False
    retries: bool = False
    """Codex would send the request again by itself."""
    usage: dict[str, Any] | None = None
    response_id: str | None = None
    events: list[str] = field(default_factory=list)


class StreamReader:
    """Reads an event stream as Codex does: any chunking, any line end, unknown things skipped."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._buffer = b""
        self._seen = Seen()
        self._raw = b""

    def feed(self, data: bytes) -> list[Item]:
        """More bytes; returns the items that became whole."""
        before = len(self.items)
        self._raw += data
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(line[5:].strip())
        return self.items[before:]

    def seen(self, *, cut: bool, status: int) -> Seen:
        """The answer is over."""
        seen = self._seen
        if status != 200:
            seen.error = self._raw.decode("utf-8", "replace")
            # Measured: a 400 is shown and not repeated; most others are tried five times more.
            seen.retries = status != 400
        elif seen.error is None and not seen.completed:
            seen.error = "stream disconnected before completion"
            seen.retries = True
        elif cut and not seen.completed:
            seen.retries = True
        seen.calls = [item for item in self.items if item["type"] in CALLS]
        return seen

    def _event(self, payload: bytes) -> None:
        seen = self._seen
        try:
            event = json.loads(payload)
        except ValueError:
            return
        if not isinstance(event, dict) or seen.completed:
            return
        kind = str(event.get("type", ""))
        seen.events.append(kind)
        response = event.get("response") or {}
        if kind == "response.output_text.delta":
            seen.streamed += event.get("delta", "")
        elif kind == "response.output_item.done":
            self._item(event["item"])
        elif kind == "response.completed":
            seen.completed = True
            seen.response_id, seen.usage = response.get("id"), response.get("usage")
        elif kind == "response.failed":
            error = response.get("error") or {}
            seen.error = str(error.get("message", ""))
            seen.retries = error.get("code") not in _FINAL_CODES
        elif kind == "response.incomplete":
            reason = (response.get("incomplete_details") or {}).get("reason", "")
            seen.error = f"Incomplete response returned, reason: {reason}"
            seen.retries = reason != "max_output_tokens"
        elif kind == "error" and isinstance(event.get("status"), int):
            self._refused(event, payload)

    def _refused(self, event: dict[str, Any], payload: bytes) -> None:
        # Only a WebSocket has this message; a stream's own `error` event has no status and is not read.
        error, status = event.get("error") or {}, event["status"]
        self._seen.error = str(error.get("message", ""))
        self._seen.retries = status not in (400, 429) or error.get("code") in _RETRIED_CODES
        if status == 429:
            self._seen.error = "exceeded retry limit, last status: 429 Too Many Requests"
        elif status == 400 and not self._seen.retries:
            self._seen.error = payload.decode("utf-8", "replace")

    def _item(self, item: Item) -> None:
        self.items.append(item)
        if item["type"] == "message":
            self._seen.text += "".join(part.get("text", "") for part in item.get("content") or [])
