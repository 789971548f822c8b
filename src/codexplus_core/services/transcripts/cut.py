"""What a transcript keeps of a value: no secrets, of bounded length, with a note wherever something is left out."""

from __future__ import annotations

from typing import Any

from ..redact import Redactor
from ..redact.names import kind_of
from ..redact.remembered import Remembered

FIELD_CHARACTERS = 64 * 1024
"""Of one text that are kept."""
NAME_CHARACTERS = 200
"""Of the name of a field."""
EXCHANGE_CHARACTERS = 256 * 1024
"""Of all texts of one exchange together; when they are used up, further texts are only counted."""
MOST_ITEMS = 500
"""Of one list."""
_DEEPEST = 32
_SHORT_NAME = 64
_MOST_NAMES = 1000
_SHORT_TEXT = 256
# Ciphertext that only the model's maker can read, and Codex's own notes.
_OPAQUE = frozenset({"encrypted_content"})
_NOTES = "internal_chat_message_metadata_passthrough"


class _Odd(Exception):
    """What is secret in this value is not told by each of its texts alone."""


class Cut:
    """Shortens what is too long, takes secrets out, and counts how much room is left.

    ``harmless`` are names known to say nothing of what is kept under them.
    """

    def __init__(self, redactor: Redactor, remembered: Remembered, harmless: set[str]) -> None:
        self.room = EXCHANGE_CHARACTERS
        self._redactor = redactor
        self._remembered = remembered
        self._texts = remembered.texts
        self._harmless = harmless

    def safe(self, value: Any) -> Any:
        """A value, shortened and without secrets."""
        room = self.room
        try:
            return self._plain(value)
        except _Odd:
            self.room = room
            return self._remembered.value(self.value(value))

    def _plain(self, value: Any, depth: int = 0) -> Any:
        # As ``value`` and the redactor's walk behind it, in one go: a message, as most items are one.
        made = type(value)
        if made is str:
            return self._remembered.text(self._text(value))
        if depth > _DEEPEST:
            raise _Odd
        if made is dict:
            if "value" in value:
                raise _Odd
            kept = {}
            for name, item in value.items():
                if name not in self._harmless:
                    if name == _NOTES:
                        continue
                    if name in _OPAQUE and type(item) is str:
                        text = self._remembered.text
                        kept[text(name)] = text(f"[{len(item)} characters not kept]")
                        continue
                    self._look_at(name)
                # "type", "role", "completed": the same few words stand in every item. Of these nothing is cut.
                if type(item) is str and len(item) <= _SHORT_TEXT <= self.room and (safe := self._texts.get(item)):
                    self.room -= len(item) + 2
                    kept[name] = safe
                else:
                    kept[name] = self._plain(item, depth + 1)
            return kept
        if made is list:
            # A command's words, or a name and what is kept under it.
            if len(value) > MOST_ITEMS or str in map(type, value):
                raise _Odd
            return [self._plain(item, depth + 1) for item in value]
        self.room -= 8
        return value

    def _look_at(self, name: str) -> None:
        """Note a name that is harmless; raises _Odd for any other."""
        if len(name) > _SHORT_NAME or not name.isascii() or name in _OPAQUE:
            raise _Odd
        if kind_of(name) is not None or self._redactor.text(name) != name:
            raise _Odd
        if len(self._harmless) >= _MOST_NAMES:
            self._harmless.clear()
        self._harmless.add(name)

    def value(self, value: Any, depth: int = 0) -> Any:
        """A value shortened, with its secrets."""
        made = type(value)  # of JSON, so of no other types than JSON's
        if made is str:
            return self._text(value)
        if depth > _DEEPEST:
            return "[nested too deeply to be kept]"
        if made is dict:
            return {
                beginning(self._redactor, name, NAME_CHARACTERS): f"[{len(item)} characters not kept]"
                if name in _OPAQUE and isinstance(item, str)
                else self.value(item, depth + 1)
                for name, item in value.items()
                if name != _NOTES
            }
        if made is list:
            kept = [self.value(item, depth + 1) for item in value[:MOST_ITEMS]]
            return [*kept, f"[{len(value) - len(kept)} more not kept]"] if len(value) > len(kept) else kept
        self.room -= 8
        return value

    def _text(self, text: str) -> str:
        if text.startswith("data:") and len(text) > _SHORT_TEXT:
            return f"[{text[:64].partition(',')[0]}: {len(text)} characters not kept]"
        if self.room <= 0:
            return f"[{len(text)} characters not kept]"
        size, limit = len(text), self.room if self.room > _SHORT_TEXT else _SHORT_TEXT
        limit = limit if limit < FIELD_CHARACTERS else FIELD_CHARACTERS
        self.room -= (size if size < limit else limit) + 2
        if size <= limit:
            return text if text.isascii() else _sound(text)
        return f"{beginning(self._redactor, text, limit)} [cut: {len(text)} characters in all]"


def beginning(redactor: Redactor, text: str, most: int) -> str:
    """The text, or so much of it and an ellipsis."""
    if len(text) <= most:
        return text if text.isascii() else _sound(text)
    # What may be the beginning of a secret is held back by the stream, and goes with the rest.
    return f"{redactor.stream().feed(_sound(text[:most]))}…"


def _sound(text: str) -> str:
    """The text, half characters replaced: JSON cannot hold them."""
    return text.encode("utf-8", "replace").decode("utf-8")
