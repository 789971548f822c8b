"""Whether a tool may be called: by the rules, by what the server says of it, by what the user has allowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codexplus_core import Core, McpTool, Proposal, Session

from .names import plain
from .recent import Recent
from .settings import PROJECTS
from .tools import Offer
from .wording import line


def is_denied(core: Core, offer: Offer, session: Session) -> bool:
    """Whether a rule denies the tool altogether: then the model does not learn of it."""
    return any(core.permissions.judge(name, session=session).decision == "deny" for name in _names(offer))


class Denials:
    """Which tools a session may know of, looked up once as long as neither the rules nor the tools change."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._known: Recent[Path | None, tuple[Any, tuple[Offer, ...], tuple[Offer, ...]]] = Recent(PROJECTS)

    def without(self, offers: Sequence[Offer], session: Session) -> tuple[Offer, ...]:
        """The offers that no rule denies, in their order."""
        place, offers = session.cwd, tuple(offers)
        settings = self._core.config.for_project(place)
        known = self._known.get(place)
        if known is not None and known[0] is settings and known[1] == offers:
            return known[2]
        allowed = tuple(one for one in offers if not is_denied(self._core, one, session))
        self._known[place] = (settings, offers, allowed)
        return allowed


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
    # A long name is shown shortened, by which a rule may be meant as well.
    shown_server, _, shown_tool = offer.short.partition("__")
    shown = McpTool(plain(server), offer.short.removeprefix(f"{plain(server)}__"))
    if not offer.short.startswith(f"{plain(server)}__"):
        shown = McpTool(shown_server, shown_tool)
    return tuple(dict.fromkeys((*_own_names(offer), McpTool(plain(server), plain(tool)), shown)))


def _own_names(offer: Offer) -> tuple[McpTool, ...]:
    """The names under which it may be allowed: a project's server `a.b` is not the user's `a_b`."""
    server, tool = offer.server.name, offer.tool.name
    own = (McpTool(server, tool), McpTool(server, plain(tool)))
    return own if offer.server.scope == "project" else (*own, McpTool(plain(server), plain(tool)))
