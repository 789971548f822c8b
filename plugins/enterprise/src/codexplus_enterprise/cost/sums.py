"""What was used, added up: tokens, requests and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import NamedTuple


class Use(NamedTuple):
    """Who used what: a user, a project's directory (``""`` where none is known), a model, and who pays.

    ``account`` is ``"api"`` for a key that is billed by the token, ``"chatgpt"`` for a subscription.
    """

    user: str
    project: str
    model: str
    account: str


class Sums(NamedTuple):
    """Counts. ``nanos`` is the cost in billionths of the currency's unit; ``unpriced`` are tokens of models
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

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums._make(map(add, self, other))


FIELDS = Sums._fields
NOTHING = Sums()


def in_all(sums: Iterable[Sums]) -> Sums:
    """All of them together."""
    return reduce(Sums.plus, sums, NOTHING)
