"""Redaction of texts that come again: what was typed is sent, and what was shown is sent with the next request."""

from __future__ import annotations

from typing import Any

from .redactor import Redactor
from .walk import Walk

ROOM = 256 * 1024
"""Characters of texts that are remembered; when they are used up, all are forgotten."""


class Remembered:
    """A redactor that looks into the same text once. For one thread."""

    def __init__(self, redactor: Redactor, *, room: int = ROOM) -> None:
        self._redactor = redactor
        self.texts: dict[str, str] = {}
        """What the newest texts became."""
        self._room = self._left = room
        self._walk = Walk(self.text, redactor.words)

    def text(self, text: str) -> str:
        """The text without secrets."""
        safe = self.texts.get(text)
        if safe is None:
            safe = self._redactor.text(text)
            self._left -= len(text)
            if self._left < 0:
                self.texts.clear()
                self._left = self._room - len(text)
            self.texts[text] = safe
        return safe

    def value(self, value: Any) -> Any:
        """A copy of dicts, lists and texts without secrets, as ``Redactor.value`` makes it."""
        return self._walk.value(value)
