"""What budgets say about a request, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .budget import Budget, Tally
from .periods import in_words, midnight, next_start
from .sums import Use
from .windows import NAMES, Window

_MOST_PLACES = 9
_OWNERS = {"user": "the user {}", "project": "the project {}", "model": "the model {}"}
_NO_OWNER = {
    "user": "nobody in particular",
    "project": "work outside every project",
    "model": "requests without a model",
}
_SPANS = {"day": "today", "week": "this week", "month": "this month", "year": "this year", "ever": "so far"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a budget stands: ``spent`` of its limit, for ``owner``, until it begins ``anew`` (None: it never does)."""

    budget: Budget
    spent: float
    owner: tuple[str, ...] = ()
    anew: datetime | None = None
    window: str = ""

    @property
    def share(self) -> float:
        """Percent of the budget that is gone; of a window, what of the whole window is."""
        return self.spent if self.budget.measure == "percent" else 100 * self.spent / self.budget.limit

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.spent >= self.budget.limit

    @property
    def is_due(self) -> bool:
        """Whether there is something to say: it is spent, or nearly."""
        return self.budget.is_due(self.spent)


def of_tally(tally: Tally, use: Use) -> Verdict:
    """How a budget stands for such a use."""
    after = next_start(tally.budget.period, tally.start)
    owner = tally.budget.owner(use)
    return Verdict(tally.budget, tally.spent(use), owner, None if after is None else midnight(after))


def of_windows(budget: Budget, windows: Iterable[tuple[str, Window]], now: float) -> list[Verdict]:
    """How a budget on a subscription stands, for each of its windows that has not ended."""
    found = []
    for name, window in windows:
        if budget.window in ("any", name) and window.is_current(now):
            ends = window.resets_at or window.at + window.minutes * 60
            anew = datetime.fromtimestamp(ends).astimezone()
            found.append(Verdict(budget, window.used, (), anew, window.label or name))
    return found


def refusal(verdict: Verdict, currency: str, now: float) -> str:
    """Why the request does not go up, and when one will again."""
    words = [f"{_title(verdict)} is spent: {_figures(verdict, currency)}.", _anew(verdict, now)]
    advice = verdict.budget.advice
    if not advice:
        where = "ask your administrator for more" if verdict.budget.managed else f"it is set in {verdict.budget.place}"
        advice = f"`/plus usage` shows what was used; {where}."
    return " ".join(part for part in (*words, advice) if part)


def note(verdict: Verdict, currency: str, now: float) -> str:
    """That a budget is nearly spent, or is and does not refuse."""
    begun = f"{_title(verdict)} is {'spent' if verdict.is_spent else 'nearly spent'}: {_figures(verdict, currency)}."
    return " ".join(part for part in (begun, _anew(verdict, now)) if part)


def unpriced(budget: Budget, model: str) -> str:
    """That a budget of money cannot be held against a model without a price."""
    who = "your administrator can set" if budget.managed else "set"
    return (
        f'No price is known for the model {model}, and the budget "{budget.name}" is one of money:'
        f" {who} prices.{model}, or take another model."
    )


def gone_of(verdict: Verdict, currency: str) -> str:
    """What is gone of a budget, with the unit once: ``"1.51 k of 100 k tokens"``, ``"5.75 of 6.50 USD"``."""
    measure = verdict.budget.measure
    unit = {"amount": currency, "percent": "%"}.get(measure, measure)
    if measure == "amount":
        gone, limit = _amounts(verdict)
    else:
        gone, limit = (_figure(value, measure) for value in (verdict.spent, verdict.budget.limit))
    return f"{gone} of {limit} {unit}"


def short(count: float) -> str:
    """A number in few characters: ``"950"``, ``"12.3 k"``, ``"1.20 M"``, ``"100 k"``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            scaled = count / size
            places = 2 if scaled < 10 else 1 if scaled < 100 else 0
            return f"{scaled:.{places}f} {unit}"
    return f"{count:.0f}"


def percent(share: float) -> str:
    """Of a hundred, in few characters; what is above nothing is never called nothing."""
    if 0 < share < 0.1:
        return "under 0.1 %"
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def _amounts(verdict: Verdict) -> tuple[str, str]:
    """What is gone and the limit as money, with the places that the limit has, and more where they would be the same.

    What is left is never rounded away: ``"0.0049", "0.005"``.
    """
    limit, gone = Decimal(str(verdict.budget.limit)), Decimal(str(verdict.spent))
    least = max(2, -int(limit.normalize().as_tuple().exponent))
    places = least
    while places < _MOST_PLACES and gone and gone != limit and round(gone, places) in (0, limit):
        places += 1
    return f"{gone:,.{places}f}", f"{limit:,.{least}f}"


def _figure(value: float, measure: str) -> str:
    return f"{value:.0f}" if measure == "percent" else short(value)


def _title(verdict: Verdict) -> str:
    budget = verdict.budget
    whose = "This workspace's" if budget.managed else "Your"
    owners = [
        _OWNERS[kind].format(value) if value else _NO_OWNER[kind]
        for kind, value in zip(budget.scope, verdict.owner, strict=False)
    ]
    # One that is called what it is about needs no name besides.
    name = "" if owners and budget.scope == (budget.name,) else f' "{budget.name}"'
    return f"{whose} budget{name}{' for ' if owners else ''}{' and '.join(owners)}"


def _figures(verdict: Verdict, currency: str) -> str:
    budget = verdict.budget
    if budget.measure == "percent":
        gone, limit = (_figure(value, "percent") for value in (verdict.spent, budget.limit))
        window = f"the {verdict.window} window" if verdict.window in NAMES else verdict.window
        return f"{gone} % of the subscription's allowance for {window}, and {limit} % may be used"
    return f"{gone_of(verdict, currency)} {_SPANS[budget.period]}"


def _anew(verdict: Verdict, now: float) -> str:
    if verdict.anew is None:
        return "It does not begin anew." if verdict.budget.period == "ever" else ""
    when = verdict.anew.strftime("%Y-%m-%d at %H:%M")
    return f"It begins anew on {when} (in {in_words(verdict.anew.timestamp() - now)})."
