"""The Open Cybersecurity Schema Framework, version 1.4."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ..reading import identity, number, text
from .severity import weight

VERSION = "1.4.0"
_HERE = "127.0.0.1"
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
    "logout": (3, 3002, 2),
    "approval.answer": (3, 3005, 1),
    "approval.ask": (3, 3005, 99),
    "approval.revoke": (3, 3005, 2),
    "policy.change": (5, 5002, 1),
    "config.change": (5, 5002, 1),
    "pack.install": (6, 6002, 1),
    "pack.remove": (6, 6002, 2),
    "model.request": (6, 6003, 99),
    "api.request": (6, 6003, 2),
    "request.refuse": (6, 6003, 99),
    "tool.call": (6, 6003, 99),
    "mcp.begin": (6, 6003, 99),
    "mcp.call": (6, 6003, 99),
    "mcp.read": (6, 6003, 2),
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
        "actor": {"user": _user(record), "session": {"uid": text(record, "codexplus.session.id")}},
        **_about(kind, record),
        "unmapped": {name: value for name, value in record.items() if name.startswith(("codexplus.", "gen_ai."))},
    }
    if (lasted := number(record, "event.duration")) > 0:
        made["duration"] = int(lasted / 1e6)
    return json.dumps(_filled(made), separators=(",", ":"))


def _about(kind: int, record: dict[str, Any]) -> dict[str, Any]:
    """What a class wants besides."""
    about = _ABOUT.get(kind)
    return {} if about is None else about(record)


def _process(record: dict[str, Any]) -> dict[str, Any]:
    name = text(record, "process.executable")
    process: dict[str, Any] = {
        "cmd_line": text(record, "process.command_line", "codexplus.hook", "codexplus.source"),
        "file": _named(name) if name else {},
        # A process that was refused, or is not begun yet, has no number.
        "uid": identity(record),
    }
    if pid := int(number(record, "process.pid")):
        process["pid"] = pid
    ended = "process.exit_code" in record
    return {"process": process, **({"exit_code": int(number(record, "process.exit_code"))} if ended else {})}


def _file(record: dict[str, Any]) -> dict[str, Any]:
    return {"file": _named(text(record, "file.path") or "?")}


def _network(record: dict[str, Any]) -> dict[str, Any]:
    url = text(record, "url.full")
    return {
        "src_endpoint": {"ip": _HERE},
        "dst_endpoint": _endpoint(url) if url else {"hostname": text(record, "host.name"), "svc_name": "codex-plus"},
    }


def _login(record: dict[str, Any]) -> dict[str, Any]:
    server = text(record, "codexplus.server") or "unknown"
    return {
        "user": _user(record),
        "service": {"name": server},
        "dst_endpoint": _endpoint(text(record, "codexplus.issuer", "url.full")),
    }


def _access(record: dict[str, Any]) -> dict[str, Any]:
    return {"user": _user(record), "privileges": _asked(record)}


def _call(record: dict[str, Any]) -> dict[str, Any]:
    operation = text(record, "codexplus.tool.name", "codexplus.command", "url.path", "event.action")
    made: dict[str, Any] = {"api": {"operation": operation}, "src_endpoint": {"ip": _HERE}}
    if status := int(number(record, "http.response.status_code")):
        made["http_response"] = {"code": status}
    return made


def _application(record: dict[str, Any]) -> dict[str, Any]:
    return {"app": {"name": text(record, "codexplus.pack") or "codex-plus", "vendor_name": "codex-plus"}}


_ABOUT = {
    1001: _file,
    1007: _process,
    3002: _login,
    3005: _access,
    4001: _network,
    6002: _application,
    6003: _call,
}


def _user(record: dict[str, Any]) -> dict[str, str]:
    return {"name": text(record, "user.name"), "uid": text(record, "user.id")}


def _named(path: str) -> dict[str, Any]:
    return {"name": path.rpartition("/")[2] or path, "path": path, "type_id": 1}


def _filled(value: Any) -> Any:
    """A copy without empty texts and objects: what is not known is left out."""
    if not isinstance(value, dict):
        return value
    found = {name: _filled(inner) for name, inner in value.items()}
    return {name: inner for name, inner in found.items() if inner not in ("", {})}


def _asked(record: dict[str, Any]) -> list[str]:
    about = record.get("codexplus.about")
    rows = about if isinstance(about, list) else []
    return [str(row.get("title", "")) for row in rows if isinstance(row, dict)]


def _endpoint(url: str) -> dict[str, Any]:
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if name and port.isascii() and port.isdigit() and int(port) < 65536:
        return {"hostname": name, "port": int(port)}
    return {"hostname": host}


def _milliseconds(record: dict[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(text(record, "@timestamp")).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
