"""A text that is redacted while it comes."""

from __future__ import annotations

from typing import Protocol


class Step(Protocol):
    """One of the ways that secrets are found, on a text in pieces."""

    def feed(self, more: str, *, last: bool = False) -> str:
        """Take more text; return what is decided, all of it with ``last``."""
        ...


class RedactingStream:
    """Redacts a text in pieces; all that leaves is what redacting the whole text gives, however it was cut.

    What may still become a secret is held back, a few characters of ordinary text; with patterns of the user's own, the
    line. What is held is bounded: of a secret without end the placeholder leaves, and the rest is dropped as it comes.
    """

    def __init__(self, *steps: Step) -> None:
        self._steps = steps

    def feed(self, text: str) -> str:
        """Take more of the text; return what may leave."""
        for step in self._steps:
            text = step.feed(text)
        return text

    def end(self) -> str:
        """The text is over: return the rest."""
        text = ""
        for step in self._steps:
            text = step.feed(text, last=True)
        return text
