"""RFC 5424, with the facts as structured data and the whole record as the message."""

from __future__ import annotations

import json
import re
from typing import Any

from ..reading import text
from .severity import weight

# Facility 13 is the log audit; severities are informational, notice, warning and error.
_FACILITY = 13
_SEVERITY = (6, 5, 4, 3)
_UNPRINTABLE = re.compile(r"[^!-~]")
_ID = "codexplus@32473"
"""An identifier of our own needs an enterprise number; 32473 is the one that RFC 5612 keeps for such."""
_FACTS = (
    ("verdict", "codexplus.verdict"),
    ("stream", "codexplus.chain.stream"),
    ("sequence", "event.sequence"),
    ("user", "user.name"),
    ("session", "codexplus.session.id"),
    ("workspace", "codexplus.workspace"),
    ("reason", "event.reason"),
)


def syslog(record: dict[str, Any]) -> str:
    """One line."""
    priority = _FACILITY * 8 + _SEVERITY[weight(record)]
    host = _name(text(record, "host.name"), 255)
    head = f"<{priority}>1 {text(record, '@timestamp') or '-'} {host} codex-plus"
    message_id = _name(text(record, "event.action"), 32)
    facts = "".join(f' {name}="{_value(text(record, field))}"' for name, field in _FACTS if text(record, field))
    return f"{head} {_name(text(record, 'process.pid'), 128)} {message_id} [{_ID}{facts}] {_whole(record)}"


def _name(value: str, most: int) -> str:
    return _UNPRINTABLE.sub("_", value)[:most] or "-"


def _value(value: str) -> str:
    clean = "".join(one if one.isprintable() else " " for one in value)
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _whole(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))
