"""What the core itself reports to those who keep account: requests refused, tool calls judged, actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .action import Action
from .audit_event import AuditEvent, Verdict
from .exchange import Exchange, Refusal
from .protocol.tools import ToolCall, ToolResult

_NAMES = {"run": "process.run", "read": "file.read", "write": "file.write", "connect": "network.connect"}


def refused_request(exchange: Exchange, refusal: Refusal, plugin: str) -> AuditEvent:
    """A plugin's no to a request."""
    return AuditEvent(
        "request.refuse",
        "denied",
        reason=refusal.message,
        plugin=plugin,
        session=exchange.session,
        turn=exchange.turn.id,
        fields={
            "endpoint": exchange.path,
            "model": exchange.model,
            "code": refusal.code,
            "origin": exchange.turn.origin,
        },
        decision=True,
    )


def judged_call(
    exchange: Exchange, call: ToolCall, changed: ToolCall, verdict: Refusal | ToolResult | None, plugin: str
) -> AuditEvent:
    """A tool call of the model: passed, changed, answered by a plugin, or denied."""
    fields: dict[str, Any] = {"tool": call.name, "namespace": call.namespace, "call_id": call.id}
    fields["arguments"] = changed.arguments
    outcome: Verdict = "success"
    reason = ""
    if isinstance(verdict, Refusal):
        outcome, reason = "denied", verdict.message
    elif isinstance(verdict, ToolResult):
        outcome = "failure" if verdict.is_error else "success"
        fields["answered_here"] = True
    if changed != call:
        fields["changed"] = True
    return AuditEvent(
        "tool.call",
        outcome,
        reason=reason,
        plugin=plugin,
        session=exchange.session,
        turn=exchange.turn.id,
        fields={name: value for name, value in fields.items() if value},
        decision=outcome == "denied",
    )


def used_command(exchange: Exchange) -> AuditEvent:
    """A slash command of a plugin that answered."""
    named = (exchange.prompt or "").split(maxsplit=1)[:1]
    return AuditEvent(
        "command.use",
        "success",
        session=exchange.session,
        turn=exchange.turn.id,
        fields={"command": "".join(named).lstrip("/"), "scope": "plugin"},
    )


def refused_access(code: str, status: int) -> AuditEvent:
    """A request of somebody who may not use this proxy."""
    return AuditEvent("access.denied", "denied", reason=code, fields={"status": status})


def left_out_access(count: int) -> AuditEvent:
    """More such requests than anybody was told of one by one."""
    return AuditEvent("access.denied", "denied", reason="too many to tell each", fields={"left_out": count})


def about_action(
    action: Action, outcome: Verdict, *, reason: str = "", plugin: str = "", level: str = ""
) -> AuditEvent:
    """An action that is about to happen, or that somebody forbade.

    What only reads need not be on disk before it is read.
    """
    fields: dict[str, Any] = {
        "argv": list(action.argv),
        "path": None if action.path is None else str(action.path),
        "url": action.url,
        "cwd": None if action.cwd is None else str(action.cwd),
        "permissions": list(action.permissions),
        "level": level,
    }
    return AuditEvent(
        _NAMES[action.kind],
        outcome,
        reason=reason,
        source=action.source,
        plugin=plugin,
        session=action.session,
        fields={name: value for name, value in fields.items() if value},
        decision=outcome == "denied" or action.kind != "read",
    )


def ended_action(action: Action, outcome: Verdict, fields: Mapping[str, Any], *, reason: str = "") -> AuditEvent:
    """What a program came to."""
    told = {"argv": list(action.argv), **{name: value for name, value in fields.items() if value is not None}}
    return AuditEvent("process.end", outcome, reason=reason, source=action.source, session=action.session, fields=told)
