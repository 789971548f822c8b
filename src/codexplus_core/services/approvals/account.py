"""What is told of questions and answers to those who keep account."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from ...audit_event import AuditEvent, Verdict
from ...exchange import Session
from .proposal import Proposal, digest

MOST = 20
"""Proposals of one question that are told in full."""


def asked(
    proposals: Iterable[Proposal], id: str, *, session: Session | None = None, thread: str = "", chat: bool
) -> AuditEvent:
    """A question was asked in the conversation (``chat``), or noted for a terminal and the work not done."""
    session = session if session is not None or not thread else Session(thread_id=thread)
    fields = {"question": id, "in_chat": chat, "about": _about(proposals)}
    return AuditEvent("approval.ask", "asked", session=session, fields=fields)


def answered(proposals: Iterable[Proposal], id: str, answer: str, *, how: str, thread: str = "") -> AuditEvent:
    """A question was answered, or everything of a project allowed unasked."""
    fields = {"question": id, "answer": answer, "by": how, "about": _about(proposals)}
    session = Session(thread_id=thread) if thread else None
    verdict: Verdict = "denied" if answer == "no" else "success"
    return AuditEvent("approval.answer", verdict, session=session, fields=fields, decision=True)


def revoked(id: str, *, by: str = "command line") -> AuditEvent:
    """A yes is withdrawn, or a question closed."""
    return AuditEvent("approval.revoke", "success", fields={"question": id, "by": by}, decision=True)


def _about(proposals: Iterable[Proposal]) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.kind,
            "title": one.title,
            "source": one.source,
            "project": "" if one.project is None else str(one.project),
            "command": one.text,
            "digest": digest(one),
        }
        for one in islice(proposals, MOST)
    ]
