"""Where an exchange stands: whose it is, how its session began, which sub-agent it is."""

from __future__ import annotations

from typing import Any

from codexplus_core import Exchange

from .firing import Where, turn_metadata
from .notebook import notebook_of

_AGENT = "general-purpose"
"""What a sub-agent is called where Codex names none: Claude Code's name for one without a trade."""


def where_of(exchange: Exchange) -> Where:
    """Whose event this is, for the payload."""
    session, agent_id, agent_type = exchange.session, "", ""
    if exchange.turn.origin == "subagent":
        agent_id, agent_type = session.thread_id, _agent_type(turn_metadata(exchange))
    return Where(session, notebook_of(session).prompt_id or exchange.turn.id, agent_id, agent_type)


def _agent_type(metadata: dict[str, Any]) -> str:
    name = metadata.get("agent_role") or metadata.get("agent_name")
    return str(name).rpartition("/")[2] or _AGENT if isinstance(name, str) else _AGENT


def initialization(exchange: Exchange) -> str:
    """How Codex says that the thread came to be: ``new``, ``cold_resume`` …; ``""`` before 0.169."""
    return str(turn_metadata(exchange).get("history_initialization") or "")


def trigger_of(exchange: Exchange) -> str:
    """Why Codex compacts: ``auto`` or ``manual``, ``""`` where it does not say."""
    told = turn_metadata(exchange).get("compaction")
    trigger = told.get("trigger") if isinstance(told, dict) else None
    return trigger if trigger in ("auto", "manual") else ""
