"""How the Responses API frames an answer: which events, in which order, with which fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Item = dict[str, Any]


@dataclass(slots=True)
class Ids:
    """Makes ids that never repeat, in order, so that a failing test reads the same twice."""

    count: int = 0
    tag: str = "up"

    def new(self, prefix: str) -> str:
        """The next id with the API's prefix for its kind (``msg``, ``rs``, ``fc``, ``call``, ``resp``)."""
        self.count += 1
        return f"{prefix}_{self.tag}{self.count:05d}"


@dataclass(slots=True)
class ResponseBuilder:
    """Builds the events of one response, numbered from zero."""

    response_id: str
    model: str
    sequence: int = 0
    output: list[Item] = field(default_factory=list)

    def event(self, type: str, **fields: Any) -> Event:
        """Any event with the next sequence number."""
        event = {"type": type, **fields, "sequence_number": self.sequence}
        self.sequence += 1
        return event

    def response(self, status: str, **fields: Any) -> dict[str, Any]:
        """The response object that created, completed, failed and incomplete carry."""
        made: dict[str, Any] = {
            "id": self.response_id, "object": "response", "created_at": 1_700_000_000, "status": status,
            "error": None, "incomplete_details": None, "model": self.model, "output": [], "parallel_tool_calls": True,
            "store": False, "usage": None,
        }  # fmt: skip
        return made | fields

    def opening(self) -> list[Event]:
        """What every stream begins with."""
        return [
            self.event("response.created", response=self.response("in_progress")),
            self.event("response.in_progress", response=self.response("in_progress")),
        ]

    def item(self, item: Item, *, chunk: int = 8) -> Iterator[Event]:
        """The whole life of one output item; its text or arguments come ``chunk`` characters at a time."""
        index = len(self.output)
        self.output.append(item)
        place = {"item_id": item["id"], "output_index": index}
        yield self.event("response.output_item.added", output_index=index, item=_begun(item))
        if item["type"] == "message":
            for position, part in enumerate(item["content"]):
                yield from self._text(part, {**place, "content_index": position}, chunk)
        elif item["type"] == "reasoning":
            for position, part in enumerate(item["summary"]):
                yield from self._summary(part, {**place, "summary_index": position}, chunk)
        elif item["type"] == "function_call":
            for piece in _pieces(item["arguments"], chunk):
                yield self.event("response.function_call_arguments.delta", **place, delta=piece)
            yield self.event("response.function_call_arguments.done", **place, arguments=item["arguments"])
        elif item["type"] == "custom_tool_call":
            for piece in _pieces(item["input"], chunk):
                yield self.event("response.custom_tool_call_input.delta", **place, delta=piece)
            yield self.event("response.custom_tool_call_input.done", **place, input=item["input"])
        yield self.event("response.output_item.done", output_index=index, item=item)

    def completed(self, usage: dict[str, Any]) -> Event:
        """The clean end."""
        return self.event(
            "response.completed", response=self.response("completed", output=list(self.output), usage=usage)
        )

    def failed(self, code: str, message: str) -> Event:
        """The end that names an error."""
        error = {"code": code, "message": message}
        return self.event("response.failed", response=self.response("failed", output=list(self.output), error=error))

    def incomplete(self, reason: str, usage: dict[str, Any]) -> Event:
        """The end of an answer that was stopped early."""
        details = {"reason": reason}
        body = self.response("incomplete", output=list(self.output), incomplete_details=details, usage=usage)
        return self.event("response.incomplete", response=body)

    def _text(self, part: Item, place: dict[str, Any], chunk: int) -> Iterator[Event]:
        empty = {**part, "text": ""}
        yield self.event("response.content_part.added", **place, part=empty)
        for piece in _pieces(part["text"], chunk):
            yield self.event("response.output_text.delta", **place, delta=piece, logprobs=[])
        yield self.event("response.output_text.done", **place, text=part["text"], logprobs=[])
        yield self.event("response.content_part.done", **place, part=part)

    def _summary(self, part: Item, place: dict[str, Any], chunk: int) -> Iterator[Event]:
        yield self.event("response.reasoning_summary_part.added", **place, part={**part, "text": ""})
        for piece in _pieces(part["text"], chunk):
            yield self.event("response.reasoning_summary_text.delta", **place, delta=piece)
        yield self.event("response.reasoning_summary_text.done", **place, text=part["text"])
        yield self.event("response.reasoning_summary_part.done", **place, part=part)


def usage(input_tokens: int = 100, output_tokens: int = 10, *, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """Token counts as ``response.completed`` carries them."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }


def message_item(identity: str, text: str, phase: str | None = None) -> Item:
    """An assistant message as the API sends it whole."""
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    item = {"id": identity, "type": "message", "status": "completed", "content": [part], "role": "assistant"}
    return item if phase is None else {**item, "phase": phase}


@dataclass(frozen=True, slots=True)
class Wire:
    """How an event stream is written: line ends, comments, ``event:`` lines and chunk boundaries.

    ``chunk`` cuts the stream into pieces of so many bytes, ``coalesce`` sends it as one piece; with neither, an event
    is a chunk.
    """

    crlf: bool = False
    comments: bool = False
    event_lines: bool = True
    chunk: int | None = None
    coalesce: bool = False

    def frame(self, event: Event) -> bytes:
        """One event as bytes."""
        payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        lines = [": keep-alive"] if self.comments else []
        if self.event_lines:
            lines.append(f"event: {event['type']}")
        lines.append(f"data: {payload}")
        end = "\r\n" if self.crlf else "\n"
        return (end.join(lines) + end + end).encode()


def _begun(item: Item) -> Item:
    names = {"message": "content", "reasoning": "summary", "function_call": "arguments", "custom_tool_call": "input"}
    name = names.get(item["type"])
    begun = dict(item) if name is None else {**item, name: type(item[name])()}
    begun.pop("encrypted_content", None)
    return {**begun, "status": "in_progress"} if "status" in item else begun


def _pieces(text: str, size: int) -> Sequence[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
