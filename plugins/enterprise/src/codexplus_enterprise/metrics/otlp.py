"""OTLP's JSON encoding: the same families as metrics, and spans, for an OpenTelemetry collector.

Written from the protocol's JSON mapping: 64-bit numbers are texts, ids are hexadecimal, enumerations are numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .names import Instrument
from .registry import Family, Series

METRICS = "/v1/metrics"
TRACES = "/v1/traces"
_CUMULATIVE = 2
_SCOPE = "codexplus_enterprise"

Attribute = str | int | float | bool


def attributes(values: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    """Attributes by name; empty texts are left out."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value != ""]


def _value(value: Attribute) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def metrics(families: Iterable[Family], resource: Mapping[str, Attribute], *, began: float, now: float) -> bytes:
    """A request to ``/v1/metrics``; counts are those since ``began``."""
    times = {"startTimeUnixNano": nanoseconds(began), "timeUnixNano": nanoseconds(now)}
    rows = [_metric(family, times) for family in families if family.series]
    return _request("resourceMetrics", "scopeMetrics", "metrics", rows, resource)


def traces(spans: Sequence[Mapping[str, Any]], resource: Mapping[str, Attribute]) -> bytes:
    """A request to ``/v1/traces``."""
    return _request("resourceSpans", "scopeSpans", "spans", list(spans), resource)


def nanoseconds(seconds: float) -> str:
    """A moment since 1970, as OTLP writes it."""
    return str(int(seconds * 1_000_000) * 1000)


def _request(outer: str, inner: str, what: str, rows: list[Any], resource: Mapping[str, Attribute]) -> bytes:
    scope = {"scope": {"name": _SCOPE}, what: rows}
    body = {outer: [{"resource": {"attributes": attributes(resource)}, inner: [scope]}]}
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def _metric(family: Family, times: Mapping[str, str]) -> dict[str, Any]:
    instrument = family.instrument
    row: dict[str, Any] = {"name": instrument.name, "description": instrument.text, "unit": instrument.unit}
    points = [_point(instrument, series, times) for series in family.series]
    if instrument.kind == "gauge":
        row["gauge"] = {"dataPoints": points}
    elif instrument.kind == "counter":
        row["sum"] = {"dataPoints": points, "aggregationTemporality": _CUMULATIVE, "isMonotonic": True}
    else:
        row["histogram"] = {"dataPoints": points, "aggregationTemporality": _CUMULATIVE}
    return row


def _point(instrument: Instrument, series: Series, times: Mapping[str, str]) -> dict[str, Any]:
    labels = dict(zip(instrument.labels, series.labels, strict=True))
    point: dict[str, Any] = {"attributes": attributes(labels), **times}
    if instrument.kind != "histogram":
        return {**point, "asDouble": series.value}
    return {
        **point,
        "count": str(series.count),
        "sum": series.value,
        "bucketCounts": [str(count) for count in series.counts],
        "explicitBounds": list(instrument.buckets),
    }
