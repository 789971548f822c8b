"""The parts of governance in one proxy, and which hooks they need: what nobody configured is not called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from codexplus_core import Action, AuditEvent, Core, Event, Exchange, Outcome, Refusal, Session

from . import notes
from .audit.audit import Audit
from .beside import Beside
from .cost.usage import Usage
from .gathered import Gathered
from .metrics import Metrics
from .packs.provider import provide
from .policy.policy import Policy

LOOK_S = 1.0
"""Seconds after which a change of the settings has brought the hooks that it needs."""


class Governance:
    """Asks the parts in order: what is not allowed at all, what cannot be accounted for, what is not paid for."""

    def __init__(self, core: Core, metrics: Metrics) -> None:
        self._core = core
        self._metrics = metrics
        self.policy = Policy(core)
        self.audit = Audit(core)
        self.usage = Usage(core)
        self.packs = provide(core)
        self._looking = Beside(self._look_again, log=core.log, name="codexplus-enterprise-settings")
        self._by_project = False
        # On their own: where counting fails nothing is refused, and audit and budgets miss nothing.
        self._facts = Gathered()

    async def begin(self) -> None:
        """Start what runs beside, and ask for no more hooks than are needed."""
        self._metrics.begin(self._core, self.usage, self._facts.settle)
        await self.policy.begin()
        await self.packs.tend()
        self.look()
        self._looking.start()

    def look(self) -> None:
        """Be called for what the settings ask for, and for nothing else."""
        try:
            self._metrics.look()
        finally:
            # Where what counts cannot follow its settings, a policy is enforced all the same.
            self._ask_for_what_is_needed()

    def _ask_for_what_is_needed(self) -> None:
        self.audit.look()
        counted = self._metrics.on
        kept = counted or self.audit.on or self.usage.on
        judged = self._by_project or self.policy.concerns(None) or self.audit.required
        # Where requests are read anyway they are looked at as well, so that a policy counts from one to the next.
        asked = kept or judged or self.usage.has_budgets
        needed = {
            "on_session": not asked,
            "on_request": asked,
            "on_chunk": self.usage.has_budgets,
            "on_action": judged,
            "on_tool_use": self.audit.on,
            "on_audit": counted or self.audit.on,
            "on_exchange_end": kept,
        }
        self._core.take_back(*(hook for hook, wanted in needed.items() if wanted))
        self._core.withdraw(*(hook for hook, wanted in needed.items() if not wanted))
        # Who has nothing enforced here loses no request to a fault in what only counts.
        self._core.fail_closed(wanted=judged or self.usage.plan.must_hold or self._core.config.has_policy)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()
            await self.packs.tend()

    # -- hooks

    def session(self, session: Session) -> None:
        """See what the settings ask for by now: a policy may have come, a repository may tighten what nobody set."""
        self._by_project = self._by_project or self.policy.concerns(session.cwd)
        self.look()

    def request(self, exchange: Exchange) -> Refusal | Awaitable[Refusal | None] | None:
        """Why this request may not leave, None where it may; something to await where a budget has to be looked up."""
        concerned = self.policy.concerns(exchange.session.cwd)
        if concerned and not self._by_project:
            # What its project's sessions connect to is judged by the same lists from now on.
            self._by_project = True
            self.look()
        refused = (self.policy.request(exchange) if concerned else None) or self.audit.refusal()
        if refused is not None or not self.usage.has_budgets:
            return refused
        refusal = self.usage.allowed(exchange)
        if refusal is None or isinstance(refusal, Refusal):
            return self._told(exchange, refusal)
        return self._affordable(exchange, refusal)

    async def _affordable(self, exchange: Exchange, refusal: Awaitable[Refusal | None]) -> Refusal | None:
        return self._told(exchange, await refusal)

    def _told(self, exchange: Exchange, refused: Refusal | None) -> Refusal | None:
        silent = refused is not None or exchange.answered_here
        notes.leave(exchange, None if silent else self.usage.soft(exchange))
        return refused

    def chunk(self, exchange: Exchange, event: Event) -> list[Event] | None:
        """The beginning of an answer with what there is to say to its user."""
        return notes.shown(exchange, event)

    def action(self, action: Action) -> Refusal | None:
        """Why this action may not happen, None where it may."""
        return self.policy.action(action) or self.audit.refusal()

    async def audited(self, event: AuditEvent) -> Refusal | None:
        """Count and keep a decision or an action; a Refusal where it has to be kept and could not be."""
        self._facts.put(self._metrics.audited, event)
        return await self.audit.decided(event) if self.audit.on else None

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        """Count and keep what an exchange came to."""
        self._facts.put(self._metrics.ended, exchange, outcome, time.time())
        if self.audit.on:
            self.audit.traffic(exchange, outcome)
        self.usage.ended(exchange, outcome)

    async def close(self) -> None:
        """End what runs beside, the account last."""
        async with AsyncExitStack() as ending:
            # From the last to the first, each whatever became of the others.
            for part in (self.audit, self._metrics, self._facts, self.usage, self.policy):
                ending.push_async_callback(part.close)
            await self._looking.end()
