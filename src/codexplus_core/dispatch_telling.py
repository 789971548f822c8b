"""Telling plugins what was decided or done, and what the failure of one that must not be skipped comes to."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .audit_event import AuditEvent
from .dispatch_account import left_out_access
from .dispatch_chunk import must_wait
from .dispatch_faults import FAILED, Hook
from .exchange import Refusal

if TYPE_CHECKING:
    from .dispatch_calls import Calls

UNAVAILABLE = 503
NOTED = 1000
"""Events that may wait to be told to those who keep account; of what comes beyond only the number is told."""


class Telling:
    """The plugins of a running proxy, and what waits to be told to those who keep account."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._table: Mapping[str, tuple[Hook, ...]] = {}
        self._noted: deque[AuditEvent] = deque()
        self._left_out = 0

    async def audit(self, event: AuditEvent) -> Refusal | None:
        """Tell the plugins what was decided or done; for a decision, why it must not take effect, if it must not."""
        if self._noted:
            await self._tell_noted()
        return await self._tell(event)

    def note(self, event: AuditEvent) -> None:
        """Tell the plugins as soon as there is somebody who can wait for them, before anything else is told."""
        if not self._table["on_audit"]:
            return
        if len(self._noted) < NOTED:
            self._noted.append(event)
        else:
            self._left_out += 1

    async def _tell_noted(self) -> None:
        while self._noted:
            await self._tell(self._noted.popleft())
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            await self._tell(left_out_access(left_out))

    async def _tell(self, event: AuditEvent) -> Refusal | None:
        no: Refusal | None = None
        for hook in self._table["on_audit"]:
            answer = await self._calls.ask(hook, event)
            answer = Refusal(answer) if isinstance(answer, str) else answer
            if answer is not None and answer is not FAILED and not isinstance(answer, Refusal):
                answer = self._calls.faults.wrong_answer(hook, answer, "Refusal, str or None")
            if answer is FAILED:
                answer = refusal_of(hook) if hook.closed else None
            if event.decision and no is None:
                no = answer
        return no

    async def _waited_for(self, hook: Hook, answer: Any) -> Any:
        """What a hook's function has given, waited for where it has to be."""
        return await self._calls.finish(hook, answer, limit=self._calls.limit) if must_wait(answer) else answer


def reason_of(hook: Hook) -> str:
    """Why a plugin that must not be skipped lets nothing by."""
    state = hook.record.state
    fault = f"is {state}" if state in ("broken", "disabled") else f"failed in {hook.name}"
    return f"the plugin {hook.plugin!r} {fault} and must not be skipped; see the log of codex-plus"


def refusal_of(hook: Hook) -> Refusal:
    """The refusal that a failure of such a plugin comes to."""
    return Refusal(reason_of(hook), status=UNAVAILABLE, code="plugin_failed")
