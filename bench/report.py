"""What was measured, as Markdown: one table for each cell, a column for each target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .cells import Cell

Summary = Mapping[str, Any]
Figure = Callable[[Summary], float | None]
BEGIN, END = "<!-- results: written by `nox -s bench -- --write` -->", "<!-- end of results -->"


@dataclass(slots=True)
class Results:
    """The summaries of all rounds by cell and target, and what is known of the targets themselves."""

    runs: dict[str, dict[str, list[Summary]]] = field(default_factory=dict)
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)
    """Why a target has no figures in a cell."""
    start_s: dict[str, list[float]] = field(default_factory=dict)
    memory_mb: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Before and after the load."""


def cell_table(cell: Cell, results: Results) -> str:
    """The table of one cell."""
    runs = results.runs.get(cell.name, {})
    named = list(runs)
    rows = [[label, *(figure(name) for name in named)] for label, figure in _figures(cell, runs)]
    return _table(f"{cell.name}: {cell.title}", ["", *named], rows) + _why(results, cell)


def memory_table(results: Results) -> str:
    """Memory and start time."""
    rows = []
    for name, seconds in results.start_s.items():
        idle, after = zip(*results.memory_mb[name], strict=True)
        rows.append([name, _number(median(seconds)), _number(median(idle)), _number(median(after))])
    head = ["", "start until the port is open, s", "PSS idle, MB", "PSS after the load, MB"]
    return _table("memory and start", head, rows)


def thread_table(cell: Cell, results: Results) -> str:
    """How the cost of a request grows with its thread."""
    rows = []
    for name, runs in results.runs.get(cell.name, {}).items():
        tenth = max(1, len(runs[0]["turns_ms"]) // 10)
        first = median(median(run["turns_ms"][1 : tenth + 1]) for run in runs)
        last = median(median(run["turns_ms"][-tenth:]) for run in runs)
        idle, after = (median(values) for values in zip(*results.memory_mb[f"{cell.name} {name}"], strict=True))
        rows.append([name, _number(first), _number(last), _number(idle), _number(after)])
        changed, done = sum(run["changed"] for run in runs), sum(run["done"] for run in runs)
        rows[-1] += [f"{changed} of {done}", _errors(runs)]
    head = ["", "first tenth: CPU ms a request", "last tenth", "PSS before, MB", "PSS after, MB"]
    head += ["requests that went up with other words", "errors"]
    return _table(f"{cell.name}: {cell.title}", head, rows) + _why(results, cell)


def plugins_table(cells: Sequence[Cell], results: Results) -> str:
    """What each plugin costs: one that has nothing to do with the exchange, and one that rewrites every prompt."""
    rows: list[list[str]] = []
    base: list[float | None] = []
    for name in results.runs.get(cells[0].name, {}):
        by_cell = [results.runs.get(cell.name, {}).get(name, []) for cell in cells]
        costs = [_median(runs, _figure_of(cell)) for cell, runs in zip(cells, by_cell, strict=True)]
        base = base or costs
        row = [name]
        for cost, bare in zip(costs, base, strict=True):
            row += [_number(cost), f"{cost / bare:.2f}" if cost and bare else ""]
        rows.append([*row, _errors([run for runs in by_cell for run in runs])])
    units = {"paced": "CPU ms per 1,000 events", "thread": "CPU ms a request"}
    head = [""]
    for cell in cells:
        head += [f"{cell.title.partition(': ')[2]}: {units[cell.family]}", "times none"]
    title = "plugins: what each costs that is loaded; the last one rewrites every prompt"
    return _table(title, [*head, "errors"], rows) + "".join(_why(results, cell) for cell in cells)


def _figure_of(cell: Cell) -> Figure:
    return _per_event if cell.family == "paced" else lambda run: median(run["turns_ms"][1:] or [0.0])


def _why(results: Results, cell: Cell) -> str:
    skipped = results.skipped.get(cell.name, {})
    return "".join(f"\n{name}: not measured, {reason}.\n" for name, reason in skipped.items())


def _per_request(run: Summary) -> float | None:
    return run["cpu_s"] * 1000 / run["done"] if run["done"] else None


def _per_event(run: Summary) -> float | None:
    return run["cpu_s"] * 1e6 / run["events"] if run["events"] else None


def _rate(what: str) -> Figure:
    return lambda run: run[what] / run["seconds"] if run[what] and run["seconds"] else None


def _time(what: str, part: int) -> Figure:
    def figure(run: Summary) -> float | None:
        value = run[what].get(str(part))
        return None if value is None else value / 1000

    return figure


def _figures(cell: Cell, runs: Mapping[str, list[Summary]]) -> list[tuple[str, Callable[[str], str]]]:
    def plain(figure: Figure) -> Callable[[str], str]:
        return lambda name: _number(_median(runs[name], figure))

    def cost(figure: Figure) -> Callable[[str], str]:
        return lambda name: "" if name == "direct" else _number(_median(runs[name], figure))

    def added(figure: Figure) -> Callable[[str], str]:
        direct = _median(runs.get("direct", []), figure)
        return lambda name: _number(_less(_median(runs[name], figure), direct))

    def times_nginx(figure: Figure) -> Callable[[str], str]:
        nginx = _median(runs.get("nginx", []), figure)
        return lambda name: _number((_median(runs[name], figure) or 0) / nginx) if nginx and name != "direct" else ""

    def share(name: str) -> str:
        done = sum(run["done"] for run in runs[name])
        return f"{100 * sum(run['same'] for run in runs[name]) / done:.4g} %" if done else ""

    ends = [("same bytes", share), ("errors", lambda name: _errors(runs[name]))]
    if cell.family == "cut":

        def seen(name: str) -> str:
            return f"{sum(run['cut'] for run in runs[name])} of {cell.count * len(runs[name])}"

        return [("cuts that the client saw", seen), ends[1]]
    per_request = cell.family == "request"
    spent, unit = (_per_request, "a request") if per_request else (_per_event, "per 1,000 events")
    made = [(f"CPU ms {unit}", cost(spent))]
    if "nginx" in runs:
        made.append(("the same, times nginx", times_nginx(spent)))
    if per_request:
        made += [(f"added p{part}, ms", added(_time("total_us", part))) for part in (50, 95, 99)]
        made.append(("requests a second", plain(_rate("done"))))
    else:
        if cell.family == "paced":
            made += [(f"delay of an event added p{part}, ms", added(_time("delay_us", part))) for part in (50, 95)]
            made.append(("first byte added p50, ms", added(_time("first_us", 50))))
        made.append(("events a second", plain(_rate("events"))))
    return made + ends


def _median(runs: list[Summary], figure: Figure) -> float | None:
    values = [value for run in runs if (value := figure(run)) is not None]
    return median(values) if values else None


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _errors(runs: list[Summary]) -> str:
    kinds: dict[str, int] = {}
    for run in runs:
        for kind, number in run["errors"].items():
            kinds[kind] = kinds.get(kind, 0) + number
    return ", ".join(f"{number} × {kind}" for kind, number in kinds.items()) or "0"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{round(value, -2 if abs(value) >= 10000 else 0):,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *(["--:"] * (len(head) - 1))], *rows]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
