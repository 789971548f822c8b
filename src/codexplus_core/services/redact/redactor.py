"""What takes secrets out of text and data: the rules, the secrets known by value, the user's own patterns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .finder import Finder
from .known import MIN_LENGTH, Known, KnownStream
from .patterns import Patterns, PatternStream, UserPattern
from .scan import Scan
from .stream import RedactingStream
from .walk import Walk
from .words import Words

_SHORTEST = 7  # "://a:b@"


class Redactor:
    """Takes secrets out of what leaves codex-plus; each becomes ``[REDACTED:kind]``. Immutable.

    ``patterns`` are the user's own (kind, RE2 pattern[, where it is written]); one that cannot be used is left out and
    told in ``problems``. ``secrets`` are exact values (kind, value) that are secret here; those of less than
    ``min_length`` characters are not looked for. Redacting twice changes nothing more.

    Not covered: secrets in base64 or another code, or split by something that is not part of them.
    """

    def __init__(
        self,
        patterns: Iterable[tuple[str, str] | tuple[str, str, str] | UserPattern] = (),
        secrets: Iterable[tuple[str, str]] = (),
        *,
        min_length: int = MIN_LENGTH,
    ) -> None:
        self._finder = Finder()
        self._entries = tuple(UserPattern(*entry) for entry in patterns)
        self._patterns = Patterns(self._entries)
        self._min_length = min_length
        self._secrets = tuple(secrets)
        self._known = self._look_for(self._secrets)
        self._words = Words(self._finder, self.text)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with patterns that are left out: where, what, why."""
        return self._patterns.problems

    def with_secrets(self, *secrets: tuple[str, str]) -> Redactor:
        """One that takes out these (kind, value), too."""
        other = object.__new__(Redactor)
        other._finder, other._patterns, other._min_length = self._finder, self._patterns, self._min_length
        other._entries = self._entries
        other._secrets = tuple(dict.fromkeys((*self._secrets, *secrets)))
        other._known = other._look_for(other._secrets)
        other._words = Words(other._finder, other.text)
        return other

    def managed(self) -> Redactor:
        """One that goes by the administrator's patterns and by none of the user's own."""
        if all(entry.managed for entry in self._entries):
            return self
        return Redactor((entry for entry in self._entries if entry.managed), self._secrets, min_length=self._min_length)

    def text(self, text: str) -> str:
        """The text without secrets."""
        text = self._known.replace(text)
        # Most texts hold nothing that a secret may begin with.
        if len(text) >= _SHORTEST and (places := self._finder.places(text, 0)):
            text = Scan(self._finder, places).feed(text, last=True)
        return self._patterns.replace(text)

    def bytes(self, data: bytes) -> bytes:
        """The same for UTF-8; bytes that are none stay as they are."""
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def value(self, value: Any) -> Any:
        """A copy of dicts, lists and texts without secrets: by the names of keys first, then by what texts hold.

        An object of another type is shown as by ``repr`` if that holds a secret, and stays itself otherwise.
        """
        return Walk(self.text, self.words).value(value)

    def words(self, words: Sequence[str]) -> list[str]:
        """A command's words without secrets: by their options, by what each holds, and by the whole line."""
        line = " ".join(words)
        each = bool(self._patterns) or self._known.replace(line) != line
        return self._words.without_secrets(words, each=each)

    def stream(self) -> RedactingStream:
        """For a text that comes in pieces."""
        return RedactingStream(KnownStream(self._known), Scan(self._finder), PatternStream(self._patterns))

    def _look_for(self, secrets: tuple[tuple[str, str], ...]) -> Known:
        kinds = {rule.kind for rule in self._finder.rules} | {kind for kind, _ in secrets} | {*self._patterns.kinds}
        taken = " ".join(f"[REDACTED:{kind}]" for kind in sorted(kinds))
        return Known(secrets, min_length=self._min_length, taken=taken)
