"""``post_output.py`` in the stream: what it appends to a finished message, or puts in its place where it buffers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexplus_core import Event, Exchange

from .firing import Firing
from .hook import POST_OUTPUT
from .notebook import notebook_of
from .surroundings import where_of
from .wording import said

_ADDED = "response.output_item.added"
_DELTA = "response.output_text.delta"
_TEXT_DONE = "response.output_text.done"
_PART_DONE = "response.content_part.done"
_ITEM_DONE = "response.output_item.done"
_COMPLETED = "response.completed"
_KEY = "post_output"


class Finished:
    """Follows the model's messages while somebody wants to have a word in them."""

    def __init__(self, firing: Firing) -> None:
        self._firing = firing

    def watch(self, exchange: Exchange) -> None:
        """Ask for the events that it takes; none where nobody hooks the answer."""
        hooks = self._firing.found(exchange.session).of(POST_OUTPUT)
        if not hooks or exchange.turn.origin not in ("user", "tool"):
            return
        exchange.state[_KEY] = {"aside": set(), "texts": {}, "buffers": any(hook.buffers for hook in hooks)}
        exchange.watch(_ADDED, _TEXT_DONE, _PART_DONE, _ITEM_DONE, _COMPLETED)
        if exchange.state[_KEY]["buffers"]:
            exchange.watch(_DELTA)

    def follows(self, exchange: Exchange) -> bool:
        """Whether this exchange's messages are looked at."""
        return _KEY in exchange.state

    async def on_chunk(self, exchange: Exchange, event: Event) -> Event | list[Event] | None:
        """The event as the user is to see it."""
        state: dict[str, Any] | None = exchange.state.get(_KEY)
        data = event.data or {}
        if state is None:
            return None
        if event.type == _COMPLETED:
            return _with_output(event, state["texts"])
        item = data.get("item")
        id = str(item.get("id") if isinstance(item, dict) else data.get("item_id"))
        if event.type == _ADDED:
            # Newer models mark what they say on the way; the finished answer is the rest.
            if isinstance(item, dict) and item.get("phase") == "commentary":
                state["aside"].add(id)
            return None
        if id in state["aside"]:
            return None
        if event.type == _DELTA:
            return [] if state["buffers"] else None
        if event.type == _TEXT_DONE:
            return await self._text_done(exchange, state, event, id)
        if event.type == _PART_DONE:
            return _with_text(event, "part", state["texts"].get((id, data.get("content_index"))))
        if isinstance(item, dict) and item.get("type") == "message":
            return await self._item_done(exchange, state, event, item, id)
        return None

    async def _text_done(self, exchange: Exchange, state: dict[str, Any], event: Event, id: str) -> list[Event] | None:
        data = event.data or {}
        text = str(data.get("text") or "")
        made = await self._made(exchange, text)
        state["texts"][id, data.get("content_index")] = made
        if made == text and not state["buffers"]:
            return None
        # What went out already stays; with buffering nothing did.
        rest = made if state["buffers"] else made[len(text) :]
        place: dict[str, Any] = {key: data[key] for key in ("item_id", "output_index", "content_index") if key in data}
        delta = Event(_DELTA, {**place, "delta": rest, "logprobs": []})
        return [delta, event.replace({**data, "text": made})]

    async def _item_done(
        self, exchange: Exchange, state: dict[str, Any], event: Event, item: dict[str, Any], id: str
    ) -> Event | None:
        for at, part in enumerate(item.get("content") or []):
            if isinstance(part, dict) and part.get("type") == "output_text" and (id, at) not in state["texts"]:
                state["texts"][id, at] = await self._made(exchange, str(part.get("text") or ""))
        made = _with_texts(item, id, state["texts"])
        return None if made == item else event.replace({**(event.data or {}), "item": made})

    async def _made(self, exchange: Exchange, text: str) -> str:
        outcome = await self._firing.plain(POST_OUTPUT, where_of(exchange), {"output": text})
        notebook = notebook_of(exchange.session)
        notebook.say(said("post_output", outcome))
        notebook.say(list(outcome.errors), once=True)
        made = text if outcome.replaced is None else outcome.replaced
        for piece in outcome.appended:
            words = piece.rstrip("\n")
            made += words if words.startswith("\n") else f"\n\n{words}"
        return made


def _with_text(event: Event, key: str, text: str | None) -> Event | None:
    data = event.data or {}
    part = data.get(key)
    if text is None or not isinstance(part, dict) or part.get("text") == text:
        return None
    return event.replace({**data, key: {**part, "text": text}})


def _with_texts(item: dict[str, Any], id: str, texts: Mapping[tuple[str, int], str]) -> dict[str, Any]:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    parts = [
        {**part, "text": texts[id, at]} if isinstance(part, dict) and (id, at) in texts else part
        for at, part in enumerate(content)
    ]
    return {**item, "content": parts}


def _with_output(event: Event, texts: Mapping[tuple[str, int], str]) -> Event | None:
    data = event.data or {}
    response = data.get("response")
    if not isinstance(response, dict) or not isinstance(response.get("output"), list):
        return None
    output = response["output"]
    made = [_with_texts(item, str(item.get("id")), texts) if isinstance(item, dict) else item for item in output]
    return None if made == output else event.replace({**data, "response": {**response, "output": made}})
