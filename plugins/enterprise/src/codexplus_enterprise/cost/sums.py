"""What was used, added up: tokens, requests and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Use(NamedTuple):
    """Who used what: a user, a project's directory (``""`` where none is known), a model, and who pays.

    ``account`` is ``"api"`` for a key that is billed by the token, ``"chatgpt"`` for a subscription.
    """

    user: str
    project: str
    model: str
    account: str


FIELDS = ("requests", "input", "cached", "output", "reasoning", "total", "nanos", "unpriced", "estimated")


@dataclass(slots=True)
class Sums:
    """Counts that grow. ``nanos`` is the cost in billionths of the currency's unit; ``unpriced`` are tokens of models
    that no price is known for; ``estimated`` are requests whose answer gave no figures.
    """

    requests: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    total: int = 0
    nanos: int = 0
    unpriced: int = 0
    estimated: int = 0

    def add(self, other: Sums) -> None:
        """Count what the other holds, too."""
        self.requests += other.requests
        self.input += other.input
        self.cached += other.cached
        self.output += other.output
        self.reasoning += other.reasoning
        self.total += other.total
        self.nanos += other.nanos
        self.unpriced += other.unpriced
        self.estimated += other.estimated

    def values(self) -> tuple[int, ...]:
        """The counts in the order of FIELDS."""
        return tuple(getattr(self, name) for name in FIELDS)
