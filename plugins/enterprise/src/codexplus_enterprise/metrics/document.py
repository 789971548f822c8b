"""The same as JSON, for people and scripts without a Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .names import Instrument
from .registry import Family, Series
from .rolling import Rolling


def document(families: Iterable[Family], rolling: Rolling, *, version: str, at: float) -> dict[str, Any]:
    """All families, and how the promises stand.

    ``slo`` is about the newest ``window`` streamed answers: seconds that the proxy added, by quantile, and the share
    that broke off. ``metrics`` has a row for each instrument; a histogram's ``buckets`` are [upper edge or null, count
    of those that are no larger] pairs.
    """
    return {
        "service": "codex-plus",
        "version": version,
        "time": round(at, 3),
        "slo": {
            "window": rolling.seen,
            "added_latency_s": {f"p{share * 100:g}": round(value, 6) for share, value in rolling.quantiles().items()},
            "broken_streams": rolling.broken_share,
        },
        "metrics": [_row(family) for family in families],
    }


def _row(family: Family) -> dict[str, Any]:
    instrument = family.instrument
    return {
        "name": instrument.sample,
        "otel": instrument.name,
        "type": instrument.kind,
        "unit": instrument.unit,
        "help": instrument.text,
        "series": [_series(instrument, series) for series in family.series],
    }


def _series(instrument: Instrument, series: Series) -> dict[str, Any]:
    labels = dict(zip(instrument.label_names, series.labels, strict=True))
    if instrument.kind != "histogram":
        return {"labels": labels, "value": series.value}
    edges: list[float | None] = [*instrument.buckets, None]
    counts = [sum(series.counts[: at + 1]) for at in range(len(edges))]
    return {
        "labels": labels, "count": series.count, "sum": series.value, "buckets": list(zip(edges, counts, strict=True)),
    }  # fmt: skip
