"""Notification: the user is needed, or the model is done and waits."""

from __future__ import annotations

from ..firing import Firing, Where
from ..outcome import Outcome

EVENT = "Notification"

PERMISSION = "permission_prompt"
IDLE = "idle_prompt"
TURN_ENDED = "turn_complete"
"""Our own kind, which Claude Code does not have: the model has answered."""

_RECORDED = {PERMISSION: "Claude needs your permission", IDLE: "Claude is waiting for your input"}


def message(kind: str, tool: str = "", *, strict: bool) -> str:
    """The words: recorded ones of Claude Code 2.1.197 (those for idle time documented ones), or ours."""
    if strict:
        return _RECORDED.get(kind, "")
    if kind == PERMISSION:
        return f"Codex needs your permission to use {tool}" if tool else "Codex needs your permission"
    return "Codex is waiting for your input" if kind == IDLE else "Codex has finished its turn"


async def fire(firing: Firing, where: Where, kind: str, tool: str = "") -> Outcome:
    """Run the hooks; what they say has no effect."""
    words = message(kind, tool, strict=firing.found(where.session).strict)
    return await firing.fire(EVENT, where, {"message": words, "notification_type": kind})
