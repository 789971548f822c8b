"""A report as a person reads it: small tables with bars, or sentences for who has the screen read out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .periods import in_words
from .prices import NANO
from .report import Report
from .sums import Sums, in_all
from .verdict import Verdict, gone_of, percent, short

WIDTH = 10
"""Cells of a bar."""
MOST = 30
"""Rows that are shown; the rest is one."""
_NOTHING = "Nothing was used since {since}."


def bar(share: float, *, ascii_only: bool = False) -> str:
    """A share from 0 to 1 as a bar; less than half a cell shows as none."""
    full = min(WIDTH, int(share * WIDTH + 0.5))
    on, off = ("#", ".") if ascii_only else ("█", "░")
    return on * full + off * (WIDTH - full)


def table(report: Report, now: float, *, ascii_only: bool = False) -> str:
    """The report in columns."""
    parts = [f"Since {report.since}, by {report.by}", ""]
    lines = _shown(report)
    if not lines:
        parts = [_NOTHING.format(since=report.since)]
    else:
        weights = [sums.nanos if report.total.nanos else sums.total for _, sums in lines]
        top = max([*weights, 1])
        rows = [
            (name, bar(weight / top, ascii_only=ascii_only), *_cells(sums, report.currency))
            for (name, sums), weight in zip(lines, weights, strict=True)
        ]
        head = (report.by, "", "requests", "input", "cached", "output", "cost")
        total = ("total", "", *_cells(report.total, report.currency))
        parts.append(_columns((head, *rows, total), left=2))
    if report.budgets:
        parts += ["", "Budgets", ""]
        parts.append(_columns([_budget_row(one, report.currency, now, ascii_only) for one in report.budgets], left=2))
    if report.windows:
        parts += ["", "Subscription", ""]
        windows = [
            (f"{label} window", bar(used / 100, ascii_only=ascii_only), f"{used:.0f} %", _until(anew.timestamp(), now))
            for _, label, used, anew in report.windows
        ]
        parts.append(_columns(windows, left=2))
    return "\n".join([*parts, *_remarks(report)])


def sentences(report: Report, now: float) -> str:
    """The report without columns and bars."""
    lines = [
        f"{name}: {sums.requests} requests, {short(sums.input)} input and {short(sums.output)} output tokens,"
        f" {_cost(sums, report.currency)}."
        for name, sums in _shown(report)
    ]
    said = [f"Usage since {report.since} by {report.by}.", *lines] if lines else [_NOTHING.format(since=report.since)]
    if lines:
        said.append(f"In total {report.total.requests} requests, {_cost(report.total, report.currency)}.")
    for one in report.budgets:
        name, _, figures, until = _budget_row(one, report.currency, now, True)
        said.append(f"Budget {name}: {figures}{', ' if until else ''}{until}.")
    for _, label, used, anew in report.windows:
        said.append(f"Subscription, {label} window: {used:.0f} percent used, {_until(anew.timestamp(), now)}.")
    return "\n".join([*said, *_remarks(report)])


def _shown(report: Report) -> list[tuple[str, Sums]]:
    lines = [(_named(line.name, report.by), line.sums) for line in report.lines]
    if len(lines) <= MOST:
        return lines
    rest = in_all(sums for _, sums in lines[MOST:])
    return [*lines[:MOST], (f"{len(lines) - MOST} more", rest)]


def _named(name: str, by: str) -> str:
    if by != "project":
        return name or "(none)"
    home = str(Path.home())
    if name == home or name.startswith(f"{home}/"):
        name = f"~{name[len(home) :]}"
    return name if len(name) <= 40 else f"…{name[-39:]}" if name else "(none)"


def _cells(sums: Sums, currency: str) -> tuple[str, str, str, str, str]:
    return str(sums.requests), short(sums.input), short(sums.cached), short(sums.output), _cost(sums, currency)


def _cost(sums: Sums, currency: str) -> str:
    if sums.unpriced and not sums.nanos:
        return "no price"
    return f"{sums.nanos / NANO:,.2f} {currency}{' +' if sums.unpriced else ''}"


def _budget_row(verdict: Verdict, currency: str, now: float, ascii_only: bool) -> tuple[str, str, str, str]:
    budget = verdict.budget
    gone = gone_of(verdict, currency)
    if budget.measure != "percent":
        gone += f", {percent(verdict.share)}"
    owner = " ".join((verdict.window, *verdict.owner)).strip()
    until = "" if verdict.anew is None else _until(verdict.anew.timestamp(), now)
    share = verdict.spent / budget.limit
    return f"{budget.name} {owner}".strip(), bar(share, ascii_only=ascii_only), gone, until


def _until(anew: float, now: float) -> str:
    return f"begins anew in {in_words(anew - now)}"


def _remarks(report: Report) -> list[str]:
    total, said = report.total, [""]
    if total.unpriced:
        said.append(f"{short(total.unpriced)} tokens are of models without a price: set prices.MODEL in the settings.")
    if total.estimated:
        answers = "1 answer" if total.estimated == 1 else f"{total.estimated} answers"
        said.append(f"{answers} gave no figures, as when one is broken off; such are judged by their size.")
    if report.problem:
        said.append(f"Not all of it may be here: {report.problem}")
    return said if len(said) > 1 else []


def _columns(rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Rows in aligned columns, the first ``left`` of them to the left and the rest to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if at < left else cell.rjust(width)
                  for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    )  # fmt: skip
