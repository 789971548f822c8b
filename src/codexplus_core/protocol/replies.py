"""Answers made here, as the event sequences and JSON that the Responses API itself would send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from .errors import failed_response
from .events import Event

IdSource = Callable[[], str]
"""Gives a new token each time, at most 48 letters, digits, dashes or underscores: ``lambda: uuid4().hex``."""

_MARK = "codexplus_"


def response_id(ids: IdSource) -> str:
    """A response id of ours: with the API's prefix, so that it is legal, and a mark that says whose."""
    return f"resp_{_MARK}{ids()}"


def message_id(ids: IdSource) -> str:
    """A message item id of ours."""
    return f"msg_{_MARK}{ids()}"


def message_item(id: str, text: str) -> dict[str, Any]:
    """A finished message of the assistant."""
    return {
        "id": id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def message_events(item: dict[str, Any]) -> list[Event]:
    """A finished message of one text as it comes in a stream, with no sequence numbers and the first place in it."""
    [part] = item["content"]
    text = part["text"]
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    begun = {**item, "status": "in_progress", "content": []}
    return [
        Event("response.output_item.added", {"output_index": 0, "item": begun}),
        Event("response.content_part.added", {**place, "part": _part("")}),
        Event("response.output_text.delta", {**place, "delta": text, "logprobs": []}),
        Event("response.output_text.done", {**place, "text": text, "logprobs": []}),
        Event("response.content_part.done", {**place, "part": part}),
        Event("response.output_item.done", {"output_index": 0, "item": item}),
    ]


def created(response_id: str, model: str, *, sequence_number: int = 0) -> Event:
    """The event that begins a response."""
    return Event("response.created", {"response": _response(response_id, model), "sequence_number": sequence_number})


def keepalive(response_id: str, model: str = "") -> Event:
    """An event that says nothing and resets Codex's idle timer (comments do not); it carries no sequence number."""
    return Event("response.in_progress", {"response": _response(response_id, model)})


def failed(ids: IdSource, code: str, message: str, model: str = "") -> list[Event]:
    """A whole response that fails with ``code``; which codes Codex retries is its own affair."""
    id = response_id(ids)
    return [created(id, model), failure(id, code, message, model, sequence_number=1)]


def failure(response_id: str, code: str, message: str, model: str = "", *, sequence_number: int | None = None) -> Event:
    """The event that ends a response which has begun."""
    data: dict[str, Any] = {"response": failed_response(response_id, code, message, model)}
    if sequence_number is not None:
        data["sequence_number"] = sequence_number
    return Event("response.failed", data)


def refusal(ids: IdSource, message: str, model: str = "", *, code: str = "invalid_prompt") -> list[Event]:
    """A response that a Codex which ``gives_up`` shows as ``message``, verbatim, and does not retry."""
    return failed(ids, code, message, model)


def title_text(title: str) -> str:
    """The JSON text that a title request asks the model for."""
    return msgspec.json.encode({"title": title}).decode()


class Reply:
    """A message of ours in the making: ``begin``, any number of ``text``, then ``end``.

    ``item`` is the finished message as Codex will keep and re-send it, ``id`` the response's id. With ``begun`` the
    client has this response's ``created`` event already (``sent`` events in all, and ``place`` items).
    """

    __slots__ = ("_ids", "_place", "_sequence", "_texts", "id", "item_id", "model")

    def __init__(self, ids: IdSource, model: str = "", *, begun: str = "", sent: int = 0, place: int = 0) -> None:
        self.id = begun or response_id(ids)
        self.item_id = message_id(ids)
        self.model = model
        self._sequence = sent if begun else -1
        self._place = place
        self._texts: list[str] = []

    @classmethod
    def whole(cls, ids: IdSource, text: str, model: str = "") -> list[Event]:
        """All events of an answer whose text is known."""
        reply = cls(ids, model)
        return [*reply.begin(), *reply.text(text), *reply.end()]

    @property
    def item(self) -> dict[str, Any]:
        """The message as it stands now."""
        return message_item(self.item_id, "".join(self._texts))

    def begin(self) -> list[Event]:
        """The events before the first word."""
        events = []
        if self._sequence < 0:
            self._sequence = 1
            events = [created(self.id, self.model)]
        item = {"id": self.item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        return [
            *events,
            self._event("response.output_item.added", output_index=self._place, item=item),
            self._part("response.content_part.added", part=_part("")),
        ]

    def text(self, delta: str) -> list[Event]:
        """The events for more words; none for no words."""
        if not delta:
            return []
        self._texts.append(delta)
        return [self._part("response.output_text.delta", delta=delta, logprobs=[])]

    def end(self) -> list[Event]:
        """The events after the last word."""
        item = self.item
        text = item["content"][0]["text"]
        return [
            self._part("response.output_text.done", text=text, logprobs=[]),
            self._part("response.content_part.done", part=_part(text)),
            self._event("response.output_item.done", output_index=self._place, item=item),
            self._event("response.completed", response=self.json()),
        ]

    def fail(self, code: str, message: str) -> list[Event]:
        """The end of a message that could not be finished."""
        return [failure(self.id, code, message, self.model, sequence_number=self._sequence)]

    def json(self) -> dict[str, Any]:
        """The finished response as an object: the answer to a request with ``stream: false``."""
        # No usage, rather than zeros: Codex 0.169 takes the newest usage for how full the context is: after zeros its
        # user reads "100% left (0 used)" until the next real answer. Without one the indicator stays as it was.
        return _response(self.id, self.model, status="completed", output=[self.item])

    def _part(self, type: str, **data: Any) -> Event:
        return self._event(type, item_id=self.item_id, output_index=self._place, content_index=0, **data)

    def _event(self, type: str, **data: Any) -> Event:
        number, self._sequence = self._sequence, self._sequence + 1
        return Event(type, {**data, "sequence_number": number})


def gives_up(codex_version: str) -> bool:
    """Whether this Codex shows a failed response at once instead of asking again and again."""
    # Codex 0.29 and 0.60 ask six times whatever the failure says (0.60 gives up on fixed texts only, and both retry an
    # HTTP 400 too), so a plain message is all that reaches their users at once. 0.98 and later take invalid_prompt.
    major, _, rest = codex_version.partition(".")
    minor = rest.partition(".")[0]
    return not (major == "0" and minor.isdecimal() and int(minor) < 98)


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _response(id: str, model: str, **more: Any) -> dict[str, Any]:
    response: dict[str, Any] = {
        "id": id,
        "object": "response",
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
        **more,
    }
    if model:
        response["model"] = model
    return response
