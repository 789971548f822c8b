"""The questions of `codex-plus hooks add` in a terminal, for what was not said on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codexplus_core import Problem, printable

from .editing import PLACES, Where
from .hook import EVENTS
from .matcher import names_of

_TRIES = 3


class Asking:
    """Asks; ``asked`` is True once it did. ``read`` reads a line, as `input` does."""

    def __init__(self, read: Callable[[str], str] = input) -> None:
        self._read = read
        self.asked = False

    def event(self) -> str:
        """One of the events."""
        return self._one_of(f"events: {', '.join(EVENTS)}\nevent: ", EVENTS)

    def matcher(self, event: str) -> str:
        """Which tools it is for; nothing where the event has no matcher."""
        if names_of(event, {}) is None:
            return ""
        return self._line("matcher, such as Bash or Edit|Write (nothing: all): ")

    def command(self) -> str:
        """The command."""
        return self._line("command: ")

    def scope(self) -> Where:
        """Whose settings."""
        word = self._one_of(f"whose settings, {', '.join(PLACES)} (nothing: user): ", (*PLACES, ""))
        return next((each for each in PLACES if each == word), "user")

    def agreed(self, what: str) -> bool:
        """Whether the user wants this written."""
        return self._line(f"{printable(what)}\nwrite this? (y/N) ").casefold() in ("y", "yes")

    def _one_of(self, question: str, words: Sequence[str]) -> str:
        for _ in range(_TRIES):
            if (word := self._line(question)) in words:
                return word
        raise Problem(f"expected one of {', '.join(word for word in words if word)}", exit_code=2)

    def _line(self, question: str) -> str:
        self.asked = True
        try:
            return self._read(question).strip()
        except EOFError:
            raise Problem("nothing more was typed; name what is missing on the command line", exit_code=2) from None
