"""What the settings say about cost: whether it is counted, at which prices, and what may be spent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .budget import Budget, budget_of
from .prices import Prices

KEEP_DAYS = 400


@dataclass(frozen=True, slots=True)
class Plan:
    """``on`` is whether usage is counted; ``header`` names the header that tells the user, ``""`` for none."""

    on: bool
    prices: Prices
    budgets: tuple[Budget, ...]
    keep_days: int = KEEP_DAYS
    header: str = ""
    bars: bool = True

    @property
    def must_hold(self) -> bool:
        """Whether the administrator has a budget that refuses: it must not be skipped for want of an account."""
        return any(budget.hard and budget.managed for budget in self.budgets)


def plan_of(settings: Any, home: Path) -> Plan:
    """The plan of a user's settings.

    Where the administrator has budgets, only his prices count beside the table: a budget whose prices its subject can
    set to nothing is none. Usage is then counted whatever the user says.
    """
    budgets = tuple(
        budget_of(
            _name(item.key),
            item.value,
            managed=item.origin.layer == "enterprise",
            place=str(item.origin),
            home=str(home),
        )
        for item in settings.items("budgets")
        if isinstance(item.value, dict)
    )
    managed = any(budget.managed for budget in budgets)
    prices = _counting(settings.items("prices"), managed=managed)
    return Plan(
        on=bool(budgets) or settings.get("usage.enabled", True) is not False,
        prices=Prices({_name(item.key): item.value for item in prices}),
        budgets=budgets,
        keep_days=int(settings.get("usage.keepDays", KEEP_DAYS)),
        header=str(settings.get("usage.userHeader", "")).lower(),
        bars=not _is_spoken(settings.get("accessibility")),
    )


def _counting(prices: Iterable[Any], *, managed: bool) -> list[Any]:
    return [item for item in prices if not managed or item.origin.layer == "enterprise"]


def _name(key: str) -> str:
    return key.partition(".")[2]


def _is_spoken(setting: Any) -> bool:
    return setting is True or (isinstance(setting, dict) and setting.get("local", True) is True)
