"""Records as log records of OpenTelemetry: the request that a collector takes under ``/v1/logs``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .formats.severity import weight
from .heads import EVENT, Head

# INFO, WARN, WARN2, ERROR
_SEVERITY = ((9, "INFO"), (13, "WARN"), (14, "WARN2"), (17, "ERROR"))
_RESOURCE = ("service.name", "service.version", "host.name")


def logs(things: Sequence[bytes | Head]) -> bytes:
    """The body of one request: records as they stand in the file, and heads."""
    rows: list[dict[str, Any]] = []
    resource: dict[str, Any] = {}
    for thing in things:
        if isinstance(thing, Head):
            rows.append(_head(thing))
            continue
        record = json.loads(thing)
        resource = {name: record[name] for name in _RESOURCE if name in record} or resource
        rows.append(_row(record))
    scope = {"scope": {"name": "codexplus.audit"}, "logRecords": rows}
    made = {"resourceLogs": [{"resource": {"attributes": _attributes(resource)}, "scopeLogs": [scope]}]}
    return json.dumps(made, separators=(",", ":")).encode("ascii")


def _row(record: dict[str, Any]) -> dict[str, Any]:
    number, name = _SEVERITY[weight(record)]
    at = _nanoseconds(str(record.get("@timestamp", "")))
    rest = {key: value for key, value in record.items() if key not in _RESOURCE and key != "@timestamp"}
    return {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": name,
        "eventName": f"codexplus.{record.get('event.action', '')}",
        "body": {"stringValue": str(record.get("event.action", ""))},
        "attributes": _attributes(rest),
    }


def _head(head: Head) -> dict[str, Any]:
    return {
        "severityNumber": 9,
        "severityText": "INFO",
        "eventName": f"codexplus.{EVENT}",
        "body": {"stringValue": json.dumps({"event": EVENT, **head.row()})},
        "attributes": _attributes(head.row()),
    }


def _attributes(fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in fields.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _attributes(value)}}
    return {"stringValue": "" if value is None else str(value)}


def _nanoseconds(stamp: str) -> str:
    try:
        return str(int(datetime.fromisoformat(stamp).timestamp() * 1_000_000) * 1000)
    except (ValueError, OverflowError):
        return "0"
