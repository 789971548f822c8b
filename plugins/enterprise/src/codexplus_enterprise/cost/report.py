"""What was used, for people and programs: the account, the budgets and the windows at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from .budget import tallies
from .periods import midnight, next_start
from .plan import Plan
from .prices import NANO
from .store import UsageStore
from .sums import NOTHING, Sums, Use, in_all
from .verdict import Verdict, of_windows

DIMENSIONS = ("model", "project", "user", "day", "account")
_NAMES: dict[str, Callable[[Use], str]] = {
    "model": lambda use: use.model,
    "project": lambda use: use.project,
    "user": lambda use: use.user,
    "account": lambda use: use.account,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a model, project, user, day or account, and what was used there."""

    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Report:
    """Usage ``by`` a dimension from a day on, how the budgets stand, and a subscription's windows.

    ``windows`` are (account, label, percent used, when it begins anew). ``problem`` says why it may lack something.
    """

    by: str
    since: date
    currency: str
    lines: tuple[Line, ...]
    total: Sums
    budgets: tuple[Verdict, ...]
    windows: tuple[tuple[str, str, float, datetime], ...]
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "since": self.since.isoformat(),
            "by": self.by,
            "currency": self.currency,
            "rows": [{self.by: line.name, **_numbers(line.sums)} for line in self.lines],
            "total": _numbers(self.total),
            "budgets": [_budget(verdict) for verdict in self.budgets],
            "windows": [
                {"account": account, "window": label, "used_percent": used, "resets_at": anew.isoformat()}
                for account, label, used, anew in self.windows
            ],
            "problem": self.problem,
        }


def report_of(
    path: Path, plan: Plan, now: float, *, by: str = "model", since: date, user: str = "", problem: str = ""
) -> Report:
    """Read the account, of one user or of all. Raises Unusable where it cannot be read."""
    store = UsageStore(path)
    try:
        return _report(store, plan, now, by, since, user, problem)
    finally:
        store.close()


def _report(store: UsageStore, plan: Plan, now: float, by: str, since: date, user: str, problem: str) -> Report:
    today = date.fromtimestamp(now)
    exists = store.exists
    lines = _lines(store, by, since, user) if exists else []
    total = in_all(line.sums for line in lines)
    budgets: list[Verdict] = []
    for tally in tallies(plan.budgets, today):
        concerned = set()
        for use, sums in store.sums(tally.start.isoformat()) if exists else ():
            tally.add(use, sums)
            if user in ("", use.user):
                concerned.add(tally.budget.owner(use))
        after = next_start(tally.budget.period, tally.start)
        anew = None if after is None else midnight(after)
        owners = [(owner, spent) for owner, spent in tally.owners() if owner in concerned] or [((), 0.0)]
        budgets += [Verdict(tally.budget, spent, owner, anew) for owner, spent in owners]
    seen = sorted(store.windows().items()) if exists else []
    for budget in plan.budgets:
        if budget.measure == "percent":
            budgets += of_windows(budget, [(name, window) for (_, name), window in seen], now)
    windows = tuple(
        (account, window.label or name, window.used, datetime.fromtimestamp(window.resets_at).astimezone())
        for (account, name), window in seen
        if window.resets_at and window.is_current(now)
    )
    return Report(by, since, plan.prices.currency, tuple(lines), total, tuple(budgets), windows, problem)


def _lines(store: UsageStore, by: str, since: date, user: str) -> list[Line]:
    if by == "day":
        return [Line(day, sums) for day, sums in store.days(since.isoformat(), user)]
    found: dict[str, Sums] = {}
    for use, sums in store.sums(since.isoformat()):
        if user in ("", use.user):
            name = _NAMES[by](use)
            found[name] = found.get(name, NOTHING).plus(sums)
    return sorted(
        (Line(name, sums) for name, sums in found.items()), key=lambda line: (-line.sums.nanos, -line.sums.total)
    )


def _numbers(sums: Sums) -> dict[str, Any]:
    return {
        "requests": sums.requests,
        "input_tokens": sums.input,
        "cached_tokens": sums.cached,
        "output_tokens": sums.output,
        "reasoning_tokens": sums.reasoning,
        "total_tokens": sums.total,
        "cost": round(sums.nanos / NANO, 6),
        "tokens_without_price": sums.unpriced,
        "estimated_requests": sums.estimated,
    }


def _budget(verdict: Verdict) -> dict[str, Any]:
    budget = verdict.budget
    return {
        "name": budget.name,
        "owner": list(verdict.owner),
        "measure": budget.measure,
        "spent": round(verdict.spent, 6),
        "limit": budget.limit,
        "period": "" if budget.measure == "percent" else budget.period,
        "window": verdict.window,
        "hard": budget.hard,
        "managed": budget.managed,
        "resets_at": None if verdict.anew is None else verdict.anew.isoformat(),
    }
