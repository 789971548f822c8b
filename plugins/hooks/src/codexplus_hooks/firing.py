"""One event on its way to the hooks that want it: the payload's common part, who may run, what they come to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codexplus_core import Core, Exchange, Session

from .hook_set import HookSet
from .joining import Joining
from .outcome import NOTHING, Outcome
from .running import Runner
from .settings import Hooks
from .trust import Trust

# Recorded: these say nothing of the permission mode.
_MODELESS = frozenset(
    {"SessionStart", "SessionEnd", "Notification", "PreCompact", "PostCompact", "MessageDisplay", "StopFailure",
     "CwdChanged"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Where:
    """Whose event it is. ``agent_id`` and ``agent_type`` are a sub-agent's, ``prompt_id`` is there once a prompt is."""

    session: Session
    prompt_id: str = ""
    agent_id: str = ""
    agent_type: str = ""

    @property
    def id(self) -> str:
        """The session's id, the thread's where a client names none."""
        return self.session.id or self.session.thread_id


class Firing:
    """Brings events to hooks; what nobody hooks costs a look-up."""

    def __init__(self, core: Core, hooks: Hooks, trust: Trust, runner: Runner, joining: Joining) -> None:
        self._core = core
        self._trust = trust
        self._runner = runner
        self.hooks = hooks
        self.joining = joining

    def found(self, session: Session) -> HookSet:
        """The hooks that count in a session now."""
        return self.hooks.of(session.cwd)

    def hooked(self, session: Session, *events: str) -> bool:
        """Whether anybody wants one of these events here."""
        hooked = self.found(session).by_event
        return bool(hooked) and any(hooked.get(event) for event in events)

    async def fire(
        self, event: str, where: Where, fields: Mapping[str, Any], *names: str, own: bool = False
    ) -> Outcome:
        """Run the hooks of an event that match and may run; ``names`` are further names of its tool.

        With ``own`` only those run that need no question.
        """
        found = self.found(where.session)
        if not found.of(event):
            return NOTHING
        payload = {**self._common(event, where), **fields}
        hooks = found.matching(self._core, event, payload, where.session, *names)
        if own:
            hooks = tuple(hook for hook in hooks if hook.trusted)
        elif hooks:
            hooks = await self._trust.allowed(hooks, found, where.session)
        if not hooks:
            return NOTHING
        return await self._runner.run(hooks, payload, session=where.session, found=found)

    async def plain(self, event: str, where: Where, payload: Mapping[str, Any]) -> Outcome:
        """The same for the Python hooks, which get a payload of their own."""
        found = self.found(where.session)
        hooks = found.of(event)
        if hooks:
            hooks = await self._trust.allowed(hooks, found, where.session)
        if not hooks:
            return NOTHING
        cwd = str(where.session.cwd or "")
        told = {**payload, "session_id": where.id, "cwd": cwd}
        return await self._runner.run(hooks, told, session=where.session, found=found)

    def _common(self, event: str, where: Where) -> dict[str, Any]:
        made: dict[str, Any] = {
            "session_id": where.id,
            "transcript_path": self.joining.transcript(where.id),
            "cwd": str(where.session.cwd or ""),
        }
        if where.prompt_id:
            made["prompt_id"] = where.prompt_id
        if event not in _MODELESS:
            made["permission_mode"] = self.joining.mode(where.id)
        if where.agent_id:
            made |= {"agent_id": where.agent_id, "agent_type": where.agent_type}
        made["hook_event_name"] = event
        return made


def turn_metadata(exchange: Exchange) -> dict[str, Any]:
    """What Codex 0.169 says of a turn in a header, or on a WebSocket in the request; empty before it."""
    text = exchange.headers.get("x-codex-turn-metadata")
    if not text or exchange.transport == "websocket":
        told = exchange.body.get("client_metadata")
        text = told.get("x-codex-turn-metadata") if isinstance(told, dict) else text
    try:
        value = json.loads(text) if isinstance(text, str) and text.startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
