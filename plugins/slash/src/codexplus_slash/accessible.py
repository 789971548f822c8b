"""Text for screen readers: local answers in words, and on request the model's too in whole sentences.

The setting is ``accessibility``: ``true`` for what codex-plus itself says, ``{"stream": true}`` for the model's text
besides. Where it is off nothing is watched and no event is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from codexplus_core import Event, Exchange, LocalReply

from .sentences import Sentences
from .spoken import spoken

DELTA = "response.output_text.delta"
WATCHED = (
    DELTA,
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "error",
)
"""The events that text is put together from, and those before which what is held must go out."""

_KEY = "accessible"


@dataclass(frozen=True, slots=True)
class Accessibility:
    """What the user asked for: ``local`` answers in words, the model's ``stream`` in whole sentences."""

    local: bool = False
    stream: bool = False


def accessibility(setting: Any) -> Accessibility:
    """What the value of the setting ``accessibility`` asks for."""
    if isinstance(setting, dict):
        return Accessibility(setting.get("local", True) is True, setting.get("stream", False) is True)
    return Accessibility(local=setting is True)


def reply(markdown: str, wish: Accessibility) -> LocalReply:
    """An answer of our own, in words where the user wants that."""
    return LocalReply(spoken(markdown) if wish.local else markdown)


def watch(exchange: Exchange, wish: Accessibility) -> None:
    """Ask for this exchange's events if the user wants the model's text in sentences; call it in ``on_request``."""
    if wish.stream:
        exchange.watch(*WATCHED)
        exchange.state[_KEY] = {}


def on_chunk(exchange: Exchange, event: Event) -> list[Event] | None:
    """The events in this one's place: deltas are held until a sentence is whole, everything else comes after them."""
    parts: dict[tuple[Any, Any], _Part] | None = exchange.state.get(_KEY)
    if parts is None or event.data is None:
        return None
    if event.type != DELTA:
        held = [made for part in parts.values() if (made := part.rest()) is not None]
        parts.clear()
        return [*held, event] if held else None
    delta = event.data.get("delta")
    if not isinstance(delta, str):
        return None
    part = parts.setdefault((event.data.get("item_id"), event.data.get("content_index")), _Part())
    made = part.feed(event, delta)
    return [] if made is None else [made]


@dataclass(slots=True)
class _Part:
    """One part of a message: what is held, and the events that brought it.

    Each event that goes out takes the place in the sequence of one that was held, so that the numbers still rise; one
    place is kept for what is left at the end.
    """

    sentences: Sentences = field(default_factory=Sentences)
    ready: str = ""
    places: list[Event] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)

    def feed(self, event: Event, delta: str) -> Event | None:
        self.places = [*self.places[-1:], event]
        self.logprobs += (event.data or {}).get("logprobs") or []
        self.ready += self.sentences.feed(delta)
        if not self.ready or (self.sentences.holds and len(self.places) < 2):
            return None
        whole, self.ready = self.ready, ""
        if self.sentences.holds:
            return self._made(self.places.pop(0), whole)
        self.places = []
        return self._made(event, whole)

    def rest(self) -> Event | None:
        rest, self.ready = self.ready + self.sentences.rest(), ""
        return self._made(self.places.pop(), rest) if rest and self.places else None

    def _made(self, event: Event, text: str) -> Event:
        # Padding that hides the length of one delta would be wrong for several.
        data = {name: value for name, value in (event.data or {}).items() if name != "obfuscation"}
        if "logprobs" in data:
            data["logprobs"], self.logprobs = self.logprobs, []
        return event.replace({**data, "delta": text})
