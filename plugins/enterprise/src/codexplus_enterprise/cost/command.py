"""``/usage``: what was used, what it cost, and what is left."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

from codexplus_core import LocalReply

from .periods import since_day
from .plan import Plan
from .report import DIMENSIONS, report_of
from .store import Unusable
from .table import sentences, table

HOW = (
    "`/plus usage [model|project|user|day|account] [SINCE]` shows what was used; SINCE is a date such as 2026-11-01,"
    " `7d`, `2w`, `today`, `week`, `month` or `year`."
)


async def answer(path: Path, plan: Plan, now: float, args: str, *, user: str = "", problem: str = "") -> LocalReply:
    """The table for the words behind the command, of one user or of all."""
    today = date.fromtimestamp(now)
    asked = read_words(args, today)
    if asked is None:
        return LocalReply(HOW)
    by, since = asked
    try:
        report = await asyncio.to_thread(report_of, path, plan, now, by=by, since=since, user=user, problem=problem)
    except Unusable as error:
        return LocalReply(f"What was used cannot be read: {error}")
    shown = f"```\n{table(report, now)}\n```" if plan.bars else sentences(report, now)
    return LocalReply(shown if plan.on else f"{shown}\n\nUsage is not counted: `usage.enabled` is false.")


def read_words(args: str, today: date) -> tuple[str, date] | None:
    """The dimension and the first day that the words ask for, in any order; None where they mean nothing."""
    by, since = "model", since_day("month", today)
    for word in args.lower().replace("=", " ").split():
        plain = word.removeprefix("--")
        if plain in ("by", "since"):
            continue
        if plain in DIMENSIONS:
            by = plain
            continue
        try:
            since = since_day(plain, today)
        except ValueError:
            return None
    return by, since
