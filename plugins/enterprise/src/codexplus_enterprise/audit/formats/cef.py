"""ArcSight's Common Event Format, version 0."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..reading import identity, text
from .severity import weight

_SEVERITY = (2, 4, 6, 8)
_HEADER = str.maketrans({"\\": "\\\\", "|": "\\|"})
_VALUE = str.maketrans({"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\r"})

# Extension key: the fields that may be its value.
_KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("outcome", ("codexplus.verdict",)),
    ("reason", ("event.reason",)),
    ("dvchost", ("host.name",)),
    ("suser", ("user.name",)),
    ("suid", ("user.id",)),
    ("sproc", ("process.command_line",)),
    ("spid", ("process.pid",)),
    ("filePath", ("file.path",)),
    ("request", ("url.full", "url.path")),
    ("requestMethod", ("http.request.method",)),
    ("app", ("codexplus.transport",)),
)
# Custom strings: (label, fields).
_CUSTOM: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("session", ("codexplus.session.id",)),
    ("workspace", ("codexplus.workspace",)),
    ("source", ("codexplus.source",)),
    ("model", ("gen_ai.request.model",)),
    ("tool", ("codexplus.tool.name",)),
    ("hash", ("event.hash",)),
)


def cef(record: dict[str, Any]) -> str:
    """One line."""
    action = text(record, "event.action")
    head = "|".join(
        _printable(one).replace("\n", " ").replace("\r", " ").translate(_HEADER)
        for one in (
            "codex-plus", "codex-plus", text(record, "service.version") or "0", action,
            f"{action} {text(record, 'codexplus.verdict')}".strip(), str(_SEVERITY[weight(record)]),
        )
    )  # fmt: skip
    pairs = [("rt", str(_milliseconds(record))), ("externalId", identity(record))]
    pairs += [(key, text(record, *fields)) for key, fields in _KEYS]
    for at, (label, fields) in enumerate(_CUSTOM, 1):
        if value := text(record, *fields):
            pairs += [(f"cs{at}Label", label), (f"cs{at}", value)]
    extension = " ".join(f"{key}={_printable(value).translate(_VALUE)}" for key, value in pairs if value)
    return f"CEF:0|{head}|{extension}"


def _printable(value: str) -> str:
    return "".join(one if one.isprintable() or one in "\r\n" else " " for one in value)


def _milliseconds(record: dict[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(text(record, "@timestamp")).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
