"""What models cost: a table of list prices, and what the settings say instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

NANO = 1_000_000_000
"""Parts of a currency's unit that costs are counted in: a cached token of a small model is 10 of them."""
CHECKED = "2026-11-20"
"""The day on which the table was compared with what OpenAI asks."""

# Standard tier, US dollars for a million tokens: input, cached input, output. Asked per model at
# https://developers.openai.com/api/docs/pricing; batch, flex and priority differ, and so do contracts.
_LIST: Mapping[str, tuple[float, float, float]] = {
    "gpt-6.2-astra": (8.0, 0.4, 40.0),
    "gpt-6.2-sol": (2.0, 0.1, 10.0),
    "gpt-6.1-sol": (2.0, 0.1, 10.0),
    "gpt-6.1-terra": (1.0, 0.05, 5.0),
    "gpt-6-astra": (10.0, 1.0, 50.0),
    "gpt-6-sol": (2.0, 0.2, 10.0),
    "gpt-6-luna": (0.1, 0.01, 0.5),
    "gpt-5.6-sol": (4.0, 0.4, 20.0),
    "gpt-5.6-terra": (2.0, 0.2, 12.0),
    "gpt-5.6-luna": (0.2, 0.02, 1.2),
    "gpt-5.5": (5.0, 0.5, 30.0),
    "gpt-5.5-pro": (30.0, 30.0, 180.0),
    "gpt-5.4": (2.5, 0.25, 15.0),
    "gpt-5.4-mini": (0.75, 0.075, 4.5),
    "gpt-5.4-nano": (0.2, 0.02, 1.25),
    "gpt-5.4-pro": (30.0, 30.0, 180.0),
    "gpt-5.3-codex": (1.75, 0.175, 14.0),
    "gpt-5.2": (1.75, 0.175, 14.0),
    "gpt-5.2-codex": (1.75, 0.175, 14.0),
    "gpt-5.1": (1.25, 0.125, 10.0),
    "gpt-5.1-codex": (1.25, 0.125, 10.0),
    "gpt-5.1-codex-max": (1.25, 0.125, 10.0),
    "gpt-5.1-codex-mini": (0.25, 0.025, 2.0),
    "gpt-5": (1.25, 0.125, 10.0),
    "gpt-5-codex": (1.25, 0.125, 10.0),
    "gpt-5-mini": (0.25, 0.025, 2.0),
    "gpt-5-nano": (0.05, 0.005, 0.4),
    "gpt-4.1": (2.0, 0.5, 8.0),
    "gpt-4.1-mini": (0.4, 0.1, 1.6),
    "gpt-4.1-nano": (0.1, 0.025, 0.4),
    "o3": (2.0, 0.5, 8.0),
    "o4-mini": (1.1, 0.275, 4.4),
    "codex-mini-latest": (1.5, 0.375, 6.0),
}
# From GPT-5.4 on a prompt above this is charged as a whole at twice the price, its answer at one and a half.
_LONG = 272_000
_LONG_FROM = re.compile(r"gpt-(5\.[4-6]|6)")
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost. ``long`` counts for requests with more than ``over`` tokens of input."""

    input: float
    cached: float
    output: float
    over: int = 0
    long: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def nanos(self, input_tokens: int, cached_tokens: int, output_tokens: int, requests: int = 1) -> int:
        """The cost in billionths; ``requests`` is how many the tokens are spread over.

        ``cached_tokens`` are among ``input_tokens``, as the API reports them.
        """
        cached = min(max(cached_tokens, 0), max(input_tokens, 0))
        is_long = self.over > 0 and input_tokens > self.over * max(requests, 1)
        fresh, known, made = self.long if is_long else (self.input, self.cached, self.output)
        return round(((input_tokens - cached) * fresh + cached * known + output_tokens * made) * (NANO / 1_000_000))


class Prices:
    """Prices by model: the exact name in the settings, a pattern there, then the table.

    Names are compared without case, without a provider in front (``openai/``) and without a date behind. Of several
    patterns the longest counts. ``settings`` is what stands under ``prices``, already checked.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        given = {name.lower(): value for name, value in (settings or {}).items() if isinstance(value, dict)}
        self.currency = str((settings or {}).get("currency", "USD"))
        self._exact = {name: _price(value) for name, value in given.items() if not _is_pattern(name)}
        patterns = sorted((name for name in given if _is_pattern(name)), key=len, reverse=True)
        self._patterns = [(name, _price(given[name])) for name in patterns]
        self._found: dict[str, Price | None] = {}

    def of(self, model: str) -> Price | None:
        """The price of a model, None where nobody knows it."""
        if model not in self._found:
            if len(self._found) > 500:  # names come from clients
                self._found.clear()
            self._found[model] = self._look(model)
        return self._found[model]

    def names(self) -> Iterable[str]:
        """Every model that is named with a price."""
        return sorted({*self._exact, *(_LIST if self.currency == "USD" else ())})

    def _look(self, model: str) -> Price | None:
        names = _names(model)
        for name in names:
            if name in self._exact:
                return self._exact[name]
        for pattern, price in self._patterns:
            if any(fnmatchcase(name, pattern) for name in names):
                return price
        if self.currency != "USD":
            return None  # the table is in dollars
        return next((_listed(name) for name in names if name in _LIST), None)


def _names(model: str) -> list[str]:
    whole = model.lower()
    plain = whole.rpartition("/")[2]
    return list(dict.fromkeys((whole, plain, _DATED.sub("", plain))))


def _listed(name: str) -> Price:
    rates = _LIST[name]
    if not _LONG_FROM.match(name):
        return Price(*rates)
    fresh, cached, output = rates
    return Price(*rates, over=_LONG, long=(fresh * 2, cached * 2, output * 1.5))


def _price(value: Mapping[str, Any]) -> Price:
    rates, long = _rates(value), value.get("long")
    return Price(*rates, over=long["over"], long=_rates(long)) if isinstance(long, dict) else Price(*rates)


def _rates(value: Mapping[str, Any]) -> tuple[float, float, float]:
    return float(value["input"]), float(value.get("cached", value["input"])), float(value["output"])


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")
