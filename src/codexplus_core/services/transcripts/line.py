"""An account as one line of JSON: without secrets, and of bounded length, with a note wherever something is left out.

{"v": 1, "at": …, "session": …, "thread": …, "turn": …, "origin": …,
 "prompt": as typed, "shown": [items], "model": {"name", "from", "items", "added", "tools"}, "outcome": {…}}
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import msgspec

from ...outcome import Outcome
from ..redact import Redactor
from ..redact.remembered import Remembered
from .account import Account
from .cut import MOST_ITEMS, NAME_CHARACTERS, Cut, beginning
from .views import News, items_of

VERSION = 1
WORD_CHARACTERS = 1024
"""Of a word of the head, such as a path."""
_MOST_WORDS = 1000
_FEW = 8


class Scribe:
    """Writes accounts down."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._remembered = Remembered(redactor)
        self._words: dict[str, str] = {}
        self._harmless: set[str] = set()

    def line(self, account: Account, news: News | None) -> bytes:
        """The line of an account, with its line break; ``news`` is what the model was sent beyond the last one."""
        cut = Cut(self._redactor, self._remembered, self._harmless)
        prompt = None if account.typed is None else cut.safe(account.typed)
        shown = [cut.safe(each) for each in _shown(account)]
        if account.body:
            shown.append({"type": "body", "text": cut.safe(self._body(account))})
        if account.shown_left_out:
            shown.append({"type": "left_out", "items": account.shown_left_out})
        entry = {
            "v": VERSION,
            "at": _moment(account.at),
            **{name: self._text(word) for name in _WORDS if (word := getattr(account, name))},
            "prompt": prompt,
            "shown": shown,
            "model": None if news is None else self._model(account, news, cut),
            "outcome": self._outcome(account),
        }
        return msgspec.json.encode(entry) + b"\n"

    def unwritable(self, account: Account, error: Exception) -> bytes:
        """The line for an account that could not be put into words."""
        entry = {
            "v": VERSION,
            "at": _moment(account.at),
            "thread": self._text(account.thread),
            "lost": type(error).__name__,
        }
        return msgspec.json.encode(entry) + b"\n"

    def text(self, text: str) -> str:
        """A word of the head of a line as it is written: what to look for in one."""
        return self._text(text)

    def _model(self, account: Account, news: News, cut: Cut) -> dict[str, Any]:
        items, left_out = self._items(news.items, cut)
        entry: dict[str, Any] = {"name": self._text(account.model), "from": news.first, "items": items}
        if news.on:
            entry["on"] = news.on
        if left_out:
            entry["items_left_out"] = left_out
        if account.added:
            entry["added"], more = self._items([item for piece in account.added for item in items_of(piece)], cut)
            if more:
                entry["added_left_out"] = more
        if account.tools:
            entry["tools"] = [self._text(name) for name in account.tools]
        return {**entry, "view": list(news.mark)}

    def _items(self, items: Sequence[Any], cut: Cut) -> tuple[list[Any], int]:
        """The newest items, and how many older ones there was no room for."""
        kept: list[Any] = []
        for item in reversed(items):
            if len(kept) >= MOST_ITEMS or cut.room <= 0:
                break
            kept.append(cut.safe(item))
        return kept[::-1], len(items) - len(kept)

    def _body(self, account: Account) -> str:
        text = account.body.decode("utf-8", "replace")
        if text.count("\ufffd") > _FEW:
            return f"[{max(account.body_size, len(account.body))} bytes that are no text]"
        if account.body_size <= len(account.body):
            return text
        return f"{self._redactor.stream().feed(text)}… [cut: {account.body_size} bytes in all]"

    def _outcome(self, account: Account) -> dict[str, Any]:
        outcome = account.outcome
        made = {name: getattr(outcome, name) for name in _OUTCOME}
        if outcome.error is not None:
            made["error"] = self._text(outcome.error)
        if outcome.first_byte_s is not None:
            made["first_byte_s"] = round(outcome.first_byte_s, 4)
        made["total_s"] = round(outcome.total_s, 4)
        return made

    def _text(self, text: str) -> str:
        return self._words.get(text) or self._word(text)

    def _word(self, text: str) -> str:
        # The same few words stand in every line.
        safe = self._remembered.text(beginning(self._redactor, text, WORD_CHARACTERS))
        if len(self._words) >= _MOST_WORDS:
            self._words.clear()
        if len(text) <= NAME_CHARACTERS:
            self._words[text] = safe
        return safe


_OUTCOME = tuple(each.name for each in fields(Outcome))
_WORDS = ("session", "thread", "parent", "turn", "origin", "transport", "path", "cwd", "codex")


def _shown(account: Account) -> Iterable[Any]:
    for payload in account.shown:
        try:
            data = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            data = {"type": "unreadable", "text": payload.decode("utf-8", "replace")}
        if not isinstance(data, dict):
            continue
        if isinstance(data.get("item"), dict):
            yield data["item"]
            continue
        response = data.get("response")
        error = response.get("error") if isinstance(response, dict) else data.get("error")
        yield {"type": data.get("type"), "error": error if error is not None else data.get("message")}


def _moment(at: float) -> str:
    return f"{_second(int(at // 1))}.{int(at % 1 * 1000):03}Z"


@lru_cache(maxsize=8)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
