"""JSON-RPC as the gateway speaks it with Codex: requests read, answers written. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Versions of the protocol that the gateway speaks, the newest first."""
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, BAD_PARAMS = -32700, -32600, -32601, -32602
NO_RESOURCE = -32002
"""MCP's own number, up to 2025-11-25."""
CANCELLED = -32800
"""What the answer to a request says that the client itself has cancelled; nobody reads it."""
LARGEST = 4 << 20
"""Bytes of a request."""


class NotUnderstood(Exception):
    """A body that is no request; ``code`` is JSON-RPC's number for it."""

    def __init__(self, message: str, code: int = INVALID_REQUEST) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """One message of the client; ``id`` is None for a notification."""

    method: str
    params: Mapping[str, Any]
    id: int | str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


def read(body: bytes) -> Request | None:
    """The request in a body, None for an answer of the client's to something. Raises NotUnderstood."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("the body is no JSON", PARSE_ERROR) from None
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise NotUnderstood("the body is no JSON-RPC 2.0 message; batches are not understood")
    method, id, params = value.get("method"), value.get("id"), value.get("params")
    if method is None and id is not None:
        return None
    if not isinstance(method, str) or isinstance(id, bool) or not isinstance(id, int | str | None):
        raise NotUnderstood("the body is no JSON-RPC request")
    params = params if isinstance(params, dict) else {}
    meta = params.get("_meta")
    return Request(method, params, id, meta if isinstance(meta, dict) else {})


def result(id: int | str | None, value: Mapping[str, Any]) -> bytes:
    """An answer."""
    return _written({"jsonrpc": "2.0", "id": id, "result": value})


def error(id: int | str | None, code: int, message: str) -> bytes:
    """An answer that is none."""
    return _written({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """A message that wants no answer."""
    return _written({"jsonrpc": "2.0", "method": method, "params": params})


def event(message: bytes) -> bytes:
    """A message in an event stream."""
    return b"event: message\ndata: " + message + b"\n\n"


def version_for(wanted: object) -> str:
    """The version to speak with a client that wants this one."""
    return wanted if isinstance(wanted, str) and wanted in VERSIONS else VERSIONS[1]


def _written(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
