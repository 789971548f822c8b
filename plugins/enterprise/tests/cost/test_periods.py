"""When periods begin, how long that is in words, and what --since takes."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_enterprise.cost.periods import in_words, next_start, since_day, start_of

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("period", "begun", "after"),
    [
        ("day", date(2026, 11, 20), date(2026, 11, 21)),
        ("week", date(2026, 11, 16), date(2026, 11, 23)),
        ("month", date(2026, 11, 1), date(2026, 12, 1)),
        ("year", date(2026, 1, 1), date(2027, 1, 1)),
        ("ever", date(1, 1, 1), None),
    ],
)
def test_periods_are_those_of_the_calendar(period: str, begun: date, after: date | None) -> None:
    assert start_of(period, TODAY) == begun
    assert next_start(period, TODAY) == after


@given(st.dates(date(1970, 1, 1), date(2200, 12, 31)), st.sampled_from(["day", "week", "month", "year"]))
def test_every_day_is_in_exactly_one_period(day: date, period: str) -> None:
    begun, after = start_of(period, day), next_start(period, day)

    assert after is not None and begun <= day < after
    assert start_of(period, after) == after


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "less than a minute"),
        (29, "less than a minute"),
        (60, "1 minute"),
        (3600 * 5 + 61, "5 hours 1 minute"),
        (86400 * 9 + 3 * 3600 + 60, "9 days 3 hours"),
    ],
)
def test_a_span_is_told_in_two_units(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", TODAY), ("Month", date(2026, 11, 1)), ("7d", date(2026, 11, 13)), ("2w", date(2026, 11, 6)),
        ("2026-03-01", date(2026, 3, 1)), ("ever", date(1, 1, 1)),
    ],
)  # fmt: skip
def test_since_takes_dates_spans_and_periods(text: str, day: date) -> None:
    assert since_day(text, TODAY) == day


@pytest.mark.parametrize("text", ["", "yesterday-ish", "2026-02-30", "-3d", "99999d", "d", "٣d"])
def test_since_refuses_the_rest(text: str) -> None:
    with pytest.raises(ValueError):
        since_day(text, TODAY)
