"""Budgets: who may use how much of what in which period, and how much of it is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .periods import start_of
from .prices import NANO
from .sums import NOTHING, Sums, Use

SOFT = 80.0
"""Percent at which a budget that says nothing else begins to be mentioned."""
_SCOPES = ("user", "project", "model")
_MEASURES = ("amount", "tokens", "requests", "percent")


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget.

    ``measure`` is what ``limit`` counts: ``amount`` (of money), ``tokens``, ``requests``, or ``percent`` of a
    subscription's ``window``. Each combination of ``scope`` has its own; none means one for all. ``users``,
    ``projects``, ``models`` and ``accounts`` are patterns that narrow what it is about. ``managed`` is True for the
    administrator's, ``place`` is where it stands.
    """

    name: str
    measure: str
    limit: float
    scope: tuple[str, ...] = ()
    period: str = "month"
    window: str = "any"
    soft: float = SOFT
    hard: bool = True
    advice: str = ""
    users: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    managed: bool = False
    place: str = ""

    def concerns(self, use: Use) -> bool:
        """Whether such a use counts."""
        return (
            (not self.accounts or use.account in self.accounts)
            and (not self.users or any(fnmatchcase(use.user, pattern) for pattern in self.users))
            and (not self.models or _is_model(use.model, self.models))
            and (not self.projects or any(_is_below(use.project, pattern) for pattern in self.projects))
        )

    def owner(self, use: Use) -> tuple[str, ...]:
        """Whose part of it such a use is: the values of ``scope``. A model is one whatever its case."""
        return tuple(use.model.lower() if name == "model" else str(getattr(use, name)) for name in self.scope)

    def is_due(self, spent: float) -> bool:
        """Whether so much gone is worth a word: all of it, or ``soft`` percent."""
        return 100 * spent >= self.soft * self.limit

    def spent(self, sums: Sums) -> float:
        """How much of it is gone, in the unit of ``limit``."""
        if self.measure == "amount":
            return sums.nanos / NANO
        return float(sums.requests if self.measure == "requests" else sums.total)


class Tally:
    """What is gone of one budget in the period that began on ``start``, by owner."""

    def __init__(self, budget: Budget, start: date) -> None:
        self.budget = budget
        self.start = start
        self._sums: dict[tuple[str, ...], Sums] = {}

    def add(self, use: Use, sums: Sums) -> None:
        """Count a use."""
        if self.budget.concerns(use):
            owner = self.budget.owner(use)
            self._sums[owner] = self._sums.get(owner, NOTHING).plus(sums)

    def spent(self, use: Use) -> float:
        """What is gone for such a use; 0 where the budget is not about it."""
        found = self._sums.get(self.budget.owner(use))
        return 0.0 if found is None or not self.budget.concerns(use) else self.budget.spent(found)

    def is_due(self, use: Use) -> bool:
        """Whether there is something to say to such a use."""
        return self.budget.is_due(self.spent(use))

    def owners(self) -> list[tuple[tuple[str, ...], float]]:
        """Everybody with something gone, the most first."""
        found = [(owner, self.budget.spent(sums)) for owner, sums in self._sums.items()]
        return sorted(found, key=lambda row: (-row[1], row[0]))


def tallies(budgets: Iterable[Budget], today: date) -> list[Tally]:
    """An empty tally for every budget that is counted by use."""
    return [Tally(budget, start_of(budget.period, today)) for budget in budgets if budget.measure != "percent"]


def budget_of(name: str, value: Mapping[str, Any], *, managed: bool = False, place: str = "", home: str = "") -> Budget:
    """A budget as the settings have it, already checked. ``home`` is what ``~`` in projects means."""
    measure = next(word for word in _MEASURES if word in value)
    scope = value.get("scope", name if name in _SCOPES else "all")
    return Budget(
        name=name,
        measure=measure,
        limit=float(value[measure]),
        scope=() if scope == "all" or measure == "percent" else tuple(scope) if isinstance(scope, list) else (scope,),
        period=str(value.get("period", "month")),
        window=str(value.get("window", "any")),
        soft=float(value.get("soft", SOFT)),
        hard=bool(value.get("hard", True)),
        advice=str(value.get("advice", "")).strip(),
        users=tuple(value.get("users", ())),
        projects=tuple(_expanded(pattern, home) for pattern in value.get("projects", ())),
        models=tuple(pattern.lower() for pattern in value.get("models", ())),
        accounts=tuple(value.get("accounts", ())),
        managed=managed,
        place=place,
    )


def _is_model(model: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model.lower(), pattern) for pattern in patterns)


def _is_below(project: str, pattern: str) -> bool:
    # Without a wildcard a folder means all that is in it, too.
    return fnmatchcase(project, pattern) or (bool(project) and Path(project).is_relative_to(pattern))


def _expanded(pattern: str, home: str) -> str:
    return f"{home}{pattern[1:]}" if home and (pattern == "~" or pattern.startswith("~/")) else pattern
