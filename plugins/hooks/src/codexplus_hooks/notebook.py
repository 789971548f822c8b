"""What is remembered of one thread between its requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from codexplus_core import Exchange, Session

_KEY = "notebook"
_LONGEST = 1000
"""Characters of a line for the user."""


@dataclass(slots=True)
class Notebook:
    """Of one thread: what is due, what was said, how often the model was made to go on.

    ``begin`` is the source of a SessionStart that has not run yet. ``context`` are texts that the model has not got.
    ``behind`` are texts that go behind the output of a call, by its id. ``stopping`` is a reason not to ask the model
    again in this turn. ``lines`` are for the user, with the next answer. ``warned`` is True where the user knows why
    Codex's own hooks are not heard.
    """

    begin: str = ""
    context: list[str] = field(default_factory=list)
    behind: dict[str, list[str]] = field(default_factory=dict)
    stopping: str = ""
    continued: int = 0
    prompt_id: str = ""
    initialization: str = ""
    agent_began: bool = False
    compacting: str = ""
    cwd: str = ""
    lines: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    warned: bool = False

    def new_prompt(self, exchange: Exchange) -> None:
        """The human has said something: the turn before is over."""
        self.stopping = ""
        self.continued = 0
        self.behind.clear()
        self.prompt_id = exchange.turn.id or str(uuid4())

    def say(self, lines: list[str], *, once: bool = False) -> None:
        """Keep lines for the user; ``once`` leaves out what this thread was told before."""
        for line in lines:
            if once and line in self.told:
                continue
            if once:
                self.told.add(line)
            self.lines.append(_shown(line))

    def take_lines(self) -> list[str]:
        """The lines that the user has not read."""
        lines, self.lines = self.lines, []
        return lines


def notebook_of(session: Session) -> Notebook:
    """The notebook of a thread."""
    state: dict[str, Any] = session.state
    found = state.get(_KEY)
    if not isinstance(found, Notebook):
        found = state[_KEY] = Notebook()
    return found


def _shown(text: str) -> str:
    plain = "".join(char if char in "\n\t" or char.isprintable() else "\ufffd" for char in text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
