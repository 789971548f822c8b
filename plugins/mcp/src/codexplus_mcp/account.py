"""What those who keep account are told: calls of tools, breakers that open and close, sign-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from codexplus_core import ActionDenied, AuditEvent, Core, Problem, Session

from .server import Server

if TYPE_CHECKING:
    from .tools import Offer

BEGIN, CALL = "mcp.begin", "mcp.call"
"""A call that is about to be made, and one that is over or is not made."""


def about_call(
    action: str,
    offer: Offer,
    session: Session,
    outcome: Literal["success", "failure", "denied", "unknown"],
    *,
    reason: str = "",
    seconds: float | None = None,
) -> AuditEvent:
    """A call of a tool; what is decided about it has to be on disk before it is made."""
    fields = {"server": offer.server.name, "tool": offer.tool.name, "digest": offer.server.digest}
    return AuditEvent(
        action,
        outcome,
        reason=reason,
        source=offer.server.origin,
        plugin="mcp",
        session=session,
        fields=fields if seconds is None else {**fields, "seconds": seconds},
        decision=seconds is None,
    )


def about_breaker(server: Server, state: Literal["closed", "half_open", "open"], why: str) -> AuditEvent:
    """A breaker that is in another state than before."""
    fields = {"server": server.name, "state": state}
    outcome: Literal["success", "failure"] = "success" if state == "closed" else "failure"
    return AuditEvent("mcp.breaker", outcome, reason=why, source=server.origin, plugin="mcp", fields=fields)


def about_read(server: Server, uri: str, session: Session) -> AuditEvent:
    """A resource that is about to be read for the model."""
    fields = {"server": server.name, "resource": uri, "digest": server.digest}
    return AuditEvent(
        "mcp.read", "success", source=server.origin, plugin="mcp", session=session, fields=fields, decision=True
    )


def about_logout(server: Server, issuer: str, *, revoked: bool) -> AuditEvent:
    """A sign-in that was given up here; ``revoked`` where the authorization server took note of it."""
    fields = {"server": server.name, "issuer": issuer, "revoked": revoked}
    return AuditEvent("logout", "success", source=server.origin, plugin="mcp", fields=fields)


@asynccontextmanager
async def told_of_sign_in(core: Core, server: Server, issuer: str) -> AsyncIterator[None]:
    """``async with told_of_sign_in(…):`` around the wait for the browser; one that is given up is told, too."""
    outcome: Literal["success", "failure", "denied"] = "failure"
    reason = "it was given up"
    try:
        yield
        outcome, reason = "success", ""
    except Problem as problem:
        reason = str(problem)
        raise
    except ActionDenied as denied:
        outcome, reason = "denied", str(denied)
        raise
    finally:
        fields = {"server": server.name, "issuer": issuer}
        await core.report(AuditEvent("login", outcome, reason, server.origin, plugin="mcp", fields=fields))
