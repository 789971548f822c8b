"""Prometheus' text format 0.0.4, and OpenMetrics 1.0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from .registry import Family, Series

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def wants_open_metrics(accept: str) -> bool:
    """Whether a client that sends this ``Accept`` header likes OpenMetrics at least as well as the older format."""
    open_metrics = text = 0.0
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        weight = _weight(parameters)
        if kind == "application/openmetrics-text":
            open_metrics = max(open_metrics, weight)
        elif kind in ("text/plain", "text/*", "*/*"):
            text = max(text, weight)
    return open_metrics > 0 and open_metrics >= text


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def written(families: Iterable[Family], *, open_metrics: bool = False) -> str:
    """The families as text."""
    lines: list[str] = []
    for family in families:
        lines += _family(family, open_metrics=open_metrics)
    if open_metrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _family(family: Family, *, open_metrics: bool) -> Iterator[str]:
    instrument = family.instrument
    # In OpenMetrics a family is named without its samples' suffix.
    name = instrument.family if open_metrics else instrument.sample
    yield f"# HELP {name} {_escaped(instrument.text, quotes=open_metrics)}"
    yield f"# TYPE {name} {instrument.kind}"
    keys = instrument.label_names
    for series in family.series:
        pairs = [f'{key}="{_escaped(value, quotes=True)}"' for key, value in zip(keys, series.labels, strict=True)]
        if instrument.kind == "histogram":
            yield from _histogram(name, pairs, series, instrument.buckets)
        else:
            yield f"{instrument.sample}{_labels(pairs)} {_number(series.value)}"


def _histogram(name: str, pairs: list[str], series: Series, edges: tuple[float, ...]) -> Iterator[str]:
    bounds = [*(_number(edge, whole="{:.1f}") for edge in edges), "+Inf"]
    for bound, count in zip(bounds, accumulate(series.counts), strict=True):
        edge = f'le="{bound}"'
        yield f"{name}_bucket{_labels([*pairs, edge])} {count}"
    yield f"{name}_sum{_labels(pairs)} {_number(series.value)}"
    yield f"{name}_count{_labels(pairs)} {series.count}"


def _labels(pairs: list[str]) -> str:
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _number(value: float, whole: str = "{:.0f}") -> str:
    return whole.format(value) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _escaped(text: str, *, quotes: bool) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text
