"""Whether a tool may be called: by the rules, by what the server says of it, by what the user has allowed."""

from __future__ import annotations

from codexplus_core import Core, McpTool, Proposal, Session

from .names import plain
from .tools import Offer
from .wording import line


def is_denied(core: Core, offer: Offer, session: Session) -> bool:
    """Whether a rule denies the tool altogether: then the model does not learn of it."""
    return any(core.permissions.judge(name, session=session).decision == "deny" for name in _names(offer))


def refusal(core: Core, offer: Offer, session: Session, *, asked: bool = False) -> str | None:
    """None where the tool may be called now, else a sentence that says why not and what to do.

    A rule decides where there is one; else a tool that the server calls read-only may be called; else the user must
    have allowed it. ``asked`` says that the client in front of the user asks by itself, as Codex does for the gateway.
    """
    named = f"mcp__{offer.server.name}__{offer.tool.name}"
    verdicts = {name: core.permissions.judge(name, session=session) for name in _names(offer)}
    for verdict in verdicts.values():
        if verdict.decision == "deny":
            return f"{named} is denied: {verdict.reason}"
    ruled = any(verdict.decision == "ask" and verdict.rule is not None for verdict in verdicts.values())
    if not ruled and any(verdicts[name].decision == "allow" for name in _own_names(offer)):
        return None
    if not ruled and (offer.tool.read_only or asked):
        return None
    answer = core.approvals.check([proposal_of(offer)], session=session)
    if answer.granted:
        return None
    return (
        f"{named} needs the user's permission: {answer.message}. A rule in the user's settings allows it for good: "
        f'"permissions": {{"allow": ["{named}"]}}'
    )


def proposal_of(offer: Offer) -> Proposal:
    """What the user is asked about a tool: any change of what it says of itself asks again."""
    server, tool = offer.server, offer.tool
    notes = (f"says of itself: {line(tool.description, 300)}",) if tool.description else ()
    return Proposal(
        "mcp",
        "project" if server.scope == "project" else "user",
        f"MCP tool {line(server.name, 80)} {line(tool.name, 80)}",
        source=server.origin,
        source_digest=server.digest,
        project=server.project,
        text=f"{offer.name} (description {tool.digest[:16]})",
        permissions=("changes or deletes things",) if tool.destructive else (),
        notes=notes,
    )


def _names(offer: Offer) -> tuple[McpTool, ...]:
    """What a rule may call the tool: as the server writes it, and as the model is shown it."""
    server, tool = offer.server.name, offer.tool.name
    return tuple(dict.fromkeys((*_own_names(offer), McpTool(plain(server), plain(tool)))))


def _own_names(offer: Offer) -> tuple[McpTool, ...]:
    """The names under which it may be allowed: a project's server `a.b` is not the user's `a_b`."""
    server, tool = offer.server.name, offer.tool.name
    own = (McpTool(server, tool), McpTool(server, plain(tool)))
    return own if offer.server.scope == "project" else (*own, McpTool(plain(server), plain(tool)))
