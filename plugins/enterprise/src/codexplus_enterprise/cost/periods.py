"""Days, weeks, months and years as a budget means them: of the local calendar, weeks from Monday on."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

EVER = date(1, 1, 1)


def start_of(period: str, today: date) -> date:
    """The first day of the period that ``today`` is in."""
    if period == "day":
        return today
    if period == "week":
        return today - timedelta(days=today.weekday())
    if period == "month":
        return today.replace(day=1)
    return today.replace(month=1, day=1) if period == "year" else EVER


def next_start(period: str, today: date) -> date | None:
    """The first day after the period that ``today`` is in; None for one that never ends."""
    begun = start_of(period, today)
    if period == "day":
        return begun + timedelta(days=1)
    if period == "week":
        return begun + timedelta(days=7)
    if period == "month":
        return (begun + timedelta(days=32)).replace(day=1)
    return begun.replace(year=begun.year + 1) if period == "year" else None


def midnight(day: date) -> datetime:
    """When a day begins here."""
    return datetime.combine(day, time.min).astimezone()


def in_words(seconds: float) -> str:
    """A span in at most two units: ``"9 days 3 hours"``, ``"4 minutes"``."""
    left = max(0, round(seconds / 60))
    if left < 1:
        return "less than a minute"
    days, left = divmod(left, 24 * 60)
    hours, minutes = divmod(left, 60)
    said = [_counted(count, word) for count, word in ((days, "day"), (hours, "hour"), (minutes, "minute")) if count]
    return " ".join(said[:2])


def since_day(text: str, today: date) -> date:
    """The day that ``--since`` means: a date, ``7d``, ``2w``, or a period's name, whose first day it is.

    Raises ValueError for anything else.
    """
    word = text.strip().lower()
    if word in ("day", "today", "week", "month", "year", "ever", "all"):
        return start_of({"today": "day", "all": "ever"}.get(word, word), today)
    if word[:-1].isascii() and word[:-1].isdigit() and word[-1:] in "dw" and len(word) <= 5:
        return today - timedelta(days=int(word[:-1]) * (7 if word.endswith("w") else 1))
    return date.fromisoformat(word)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
