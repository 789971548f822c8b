"""What is to be kept, as it was at its moment; made where it happens, written elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codexplus_core import AuditEvent, Exchange, Outcome


# Not frozen: that takes twice the time, on the event loop, for each request.
@dataclass(slots=True)
class Entry:
    """One record to be; ``at`` is in nanoseconds since 1970. It does not change."""

    action: str
    outcome: str
    at: int = field(default_factory=time.time_ns)
    reason: str = ""
    source: str = ""
    plugin: str = ""
    session: str = ""
    thread: str = ""
    turn: str = ""
    workspace: str = ""
    decision: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


def of_event(event: AuditEvent) -> Entry:
    """What the core or a plugin reported."""
    session = event.session
    return Entry(
        event.action,
        event.outcome,
        reason=event.reason,
        source=event.source,
        plugin=event.plugin,
        session="" if session is None else session.id,
        thread="" if session is None else session.thread_id,
        turn=event.turn,
        workspace="" if session is None or session.cwd is None else str(session.cwd),
        decision=event.decision,
        fields=event.fields,
    )


def of_exchange(exchange: Exchange, outcome: Outcome, *, content: bool) -> Entry:
    """What a request came to; with ``content`` the words of its user, too."""
    session, usage = exchange.session, outcome.usage
    fields: dict[str, Any] = {
        "method": exchange.method,
        "endpoint": exchange.path,
        "transport": exchange.transport,
        "status": outcome.status,
        "seconds": outcome.total_s,
        "origin": exchange.turn.origin,
        "answered_by": outcome.answered_by,
    }
    if exchange.kind == "responses":
        fields |= {"model": exchange.model, "rounds": outcome.rounds}
    if usage.input_tokens or usage.output_tokens:
        fields |= {
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
        }
    if outcome.error:
        fields["error"] = outcome.error
    if content and exchange.prompt_as_typed is not None:
        fields["prompt"] = exchange.prompt_as_typed
    if outcome.answered_by == "refused":
        verdict = "denied"
    else:
        verdict = "failure" if outcome.error or outcome.status >= 400 else "success"
    return Entry(
        "model.request" if exchange.kind == "responses" else "api.request",
        verdict,
        session=session.id,
        thread=session.thread_id,
        turn=exchange.turn.id,
        workspace="" if session.cwd is None else str(session.cwd),
        fields=fields,
    )
