"""The Open Cybersecurity Schema Framework, version 1.4."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ..reading import identity, number, text
from .severity import weight

VERSION = "1.4.0"
_SEVERITY = (1, 2, 3, 4)  # informational, low, medium, high

# action: (category_uid, class_uid, activity_id)
_CLASSES: dict[str, tuple[int, int, int]] = {
    "process.run": (1, 1007, 1),
    "process.end": (1, 1007, 2),
    "hook.run": (1, 1007, 1),
    "file.read": (1, 1001, 2),
    "file.write": (1, 1001, 1),
    "network.connect": (4, 4001, 1),
    "access.denied": (4, 4001, 5),
    "login": (3, 3002, 1),
    "approval.answer": (3, 3005, 1),
    "approval.ask": (3, 3005, 99),
    "approval.revoke": (3, 3005, 2),
    "policy.change": (5, 5002, 1),
    "config.change": (5, 5002, 1),
    "pack.install": (5, 5002, 1),
    "model.request": (6, 6003, 99),
    "api.request": (6, 6003, 2),
    "request.refuse": (6, 6003, 99),
    "tool.call": (6, 6003, 99),
    "mcp.begin": (6, 6003, 99),
    "mcp.call": (6, 6003, 99),
    "command.use": (6, 6003, 99),
    "audit.start": (6, 6002, 3),
    "audit.stop": (6, 6002, 4),
}
_OTHER = (0, 0, 99)


def ocsf(record: dict[str, Any]) -> str:
    """One JSON object."""
    category, kind, activity = _CLASSES.get(text(record, "event.action"), _OTHER)
    status = {"success": 1, "failure": 2}.get(text(record, "event.outcome"), 0)
    made: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": text(record, "event.action"),
        "category_uid": category,
        "class_uid": kind,
        "type_uid": kind * 100 + activity,
        "severity_id": _SEVERITY[weight(record)],
        "status_id": status,
        "status_detail": text(record, "event.reason"),
        "time": _milliseconds(record),
        "message": text(record, "event.reason", "event.action"),
        "metadata": {
            "version": VERSION,
            "uid": identity(record),
            "sequence": int(number(record, "event.sequence")),
            "original_time": text(record, "@timestamp"),
            "product": {"name": "codex-plus", "vendor_name": "codex-plus", "version": text(record, "service.version")},
        },
        "device": {"hostname": text(record, "host.name"), "type_id": 0},
        "actor": {
            "user": {"name": text(record, "user.name"), "uid": text(record, "user.id")},
            "session": {"uid": text(record, "codexplus.session.id")},
        },
        **_about(kind, record),
        "unmapped": {name: value for name, value in record.items() if name.startswith(("codexplus.", "gen_ai."))},
    }
    if (lasted := number(record, "event.duration")) > 0:
        made["duration"] = int(lasted / 1e6)
    return json.dumps({name: value for name, value in made.items() if value != ""}, separators=(",", ":"))


def _about(kind: int, record: dict[str, Any]) -> dict[str, Any]:
    """What a class wants besides."""
    if kind == 1007:
        process: dict[str, Any] = {
            "cmd_line": text(record, "process.command_line", "codexplus.hook", "codexplus.source")
        }
        if name := text(record, "process.executable"):
            process["file"] = {"name": name.rsplit("/", 1)[-1], "path": name, "type_id": 1}
        return {"process": process, "exit_code": int(number(record, "process.exit_code"))}
    if kind == 1001:
        path = text(record, "file.path")
        return {"file": {"name": path.rsplit("/", 1)[-1], "path": path, "type_id": 1}}
    if kind == 4001:
        return {"dst_endpoint": {"hostname": _host(text(record, "url.full"))}}
    if kind == 3002:
        return {"user": {"name": text(record, "user.name"), "uid": text(record, "user.id")}}
    if kind == 3005:
        return {
            "user": {"name": text(record, "user.name"), "uid": text(record, "user.id")},
            "privileges": _asked(record),
        }
    if kind == 6003:
        operation = text(record, "codexplus.tool.name", "codexplus.command", "url.path", "event.action")
        made: dict[str, Any] = {"api": {"operation": operation}, "src_endpoint": {"ip": "127.0.0.1"}}
        if status := int(number(record, "http.response.status_code")):
            made["http_response"] = {"code": status}
        return made
    if kind == 6002:
        return {"app": {"name": "codex-plus", "vendor_name": "codex-plus"}}
    return {}


def _asked(record: dict[str, Any]) -> list[str]:
    about = record.get("codexplus.about")
    rows = about if isinstance(about, list) else []
    return [str(row.get("title", "")) for row in rows if isinstance(row, dict)]


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _milliseconds(record: dict[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(text(record, "@timestamp")).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
