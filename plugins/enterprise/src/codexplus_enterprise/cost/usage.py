"""Usage and budgets as the plugin's hooks call them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

from codexplus_core import Core, Exchange, LocalReply, Outcome, Refusal
from codexplus_core import Usage as Tokens

from ..policy.asked import models_asked
from ..state import state_folder
from .account import Account
from .people import People
from .plan import Plan, plan_of
from .prices import NANO
from .store import UsageStore
from .sums import NOTHING, Sums, Use
from .verdict import Verdict, note, of_tally, of_windows, refusal, unpriced
from .windows import windows_of

LOOK_S = 0.5
"""Seconds after which a budget has heard of what other proxies let through."""
INPUT_BYTES = 4
OUTPUT_BYTES = 200
"""Bytes that stand for a token where an answer broke off before it said what it used: of a prompt, and of the events
that a token of an answer comes in."""
SPENT = "budget_spent"
_NOTED, _DUE = "budgets noted", "budgets due"


def state_file() -> Path:
    """Where the account lies: in the state directory of codex-plus."""
    return state_folder() / "usage.db"


class Usage:
    """Counts what every exchange used, and judges the next one by the budgets.

    A request that begins within its budget is let through whole, and so are those that are under way at that time:
    what an answer costs is known when it has ended. ``now`` tells seconds since 1970.
    """

    def __init__(
        self,
        core: Core,
        *,
        path: Path | None = None,
        people: People | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._core = core
        self._now = now
        self._people = people or People()
        self._store = UsageStore(path or state_file())
        self._account = Account(self._store, core.log.error)
        self._settings: Any = None
        self._plan: Plan | None = None
        self._looked: tuple[Plan, date, float] | None = None
        self._asked: tuple[Plan, date] | None = None
        self._looking = asyncio.Lock()
        self._looks = 0

    @property
    def plan(self) -> Plan:
        """What the settings say about cost now."""
        settings = self._core.config.user
        if self._plan is None or settings is not self._settings:
            self._settings, self._plan = settings, plan_of(settings, Path.home())
        return self._plan

    @property
    def has_budgets(self) -> bool:
        """Whether any budget is set: without one, nothing is asked before a request."""
        return bool(self.plan.budgets)

    @property
    def on(self) -> bool:
        """Whether usage is counted at all."""
        return self.plan.on

    @property
    def problem(self) -> str:
        """Why what was counted is not on disk, ``""`` where it is."""
        return self._account.problem

    def cost(self, model: str, tokens: Tokens) -> float | None:
        """What tokens of one request come to, in the currency of ``plan.prices``; None for a model without a price."""
        price = self.plan.prices.of(model)
        if price is None:
            return None
        return price.nanos(tokens.input_tokens, tokens.cached_tokens, tokens.output_tokens) / NANO

    # -- hooks

    def allowed(self, exchange: Exchange) -> Refusal | Awaitable[Refusal | None] | None:
        """A refusal where a hard budget is spent, or cannot be held; None where the request may go up.

        It is something to await only where the account has to be looked at, which many requests have in common.
        """
        plan = self.plan
        model = self._charged_model(exchange) if plan.budgets else None
        if model is None:
            return None
        if not self._has_looked(plan):
            return self._after_a_look(plan, exchange, model)
        refused = self._judged(plan, exchange, model)
        return refused if refused is None or refused.code != SPENT else self._kept(refused)

    async def _after_a_look(self, plan: Plan, exchange: Exchange, model: str) -> Refusal | None:
        looks = self._looks
        async with self._looking:
            # Whoever comes while one looks goes by what that one finds, and be it that the disk does not answer; but
            # not by what was found for other budgets, or for yesterday.
            asked = self._asked
            same = asked is not None and asked[0] is plan and asked[1] == _day(self._now())
            if self._looks == looks or not same:
                self._asked = (plan, _day(self._now()))
                await self._look(plan)
                self._looks += 1
        refused = self._judged(plan, exchange, model)
        return refused if refused is None or refused.code != SPENT else await self._kept(refused)

    async def _kept(self, refused: Refusal) -> Refusal:
        # What its user was told once holds after a crash, too.
        await self._account.keep()
        return refused

    def _judged(self, plan: Plan, exchange: Exchange, model: str) -> Refusal | None:
        if plan.must_hold and not self._account.loaded:
            words = f"what was used cannot be read, and your administrator has set budgets: {self._account.problem}"
            return Refusal(words, code="usage_unknown")
        use = self._people.use(exchange, plan.header, model)
        due = self._due(plan, exchange, use)
        for verdict in due:
            if verdict.budget.hard and verdict.is_spent:
                return Refusal(refusal(verdict, plan.prices.currency, self._now()), code=SPENT)
        if (model or exchange.kind == "responses") and plan.prices.of(model) is None:
            for budget in plan.budgets:
                if budget.hard and budget.measure == "amount" and budget.concerns(use):
                    return Refusal(unpriced(budget, model), code="price_unknown")
        if due and exchange.prompt is not None:
            exchange.state[_DUE] = due
        return None

    def soft(self, exchange: Exchange) -> str | None:
        """What to tell the user of the budgets that ``allowed`` found nearly spent; once in a thread for each."""
        due: list[Verdict] = exchange.state.pop(_DUE, [])
        if not due:
            return None
        told: set[tuple[object, ...]] = exchange.session.state.setdefault(_NOTED, set())
        lines = []
        for verdict in due:
            key = (verdict.budget.name, verdict.owner, verdict.window, verdict.anew, verdict.is_spent)
            if key not in told:
                told.add(key)
                lines.append(note(verdict, self.plan.prices.currency, self._now()))
        return "\n\n".join(lines) or None

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        """Count what an exchange used."""
        plan = self.plan
        if not plan.on or exchange.kind != "responses" or outcome.answered_by != "upstream":
            return
        now = self._now()
        seen = windows_of(outcome.limits, now) if outcome.limits else {}
        account = self._people.account(exchange) if seen else ""
        windows = {(account, name): window for name, window in seen.items()}
        use = self._people.use(exchange, plan.header)
        sums = used(outcome, plan, use.model)
        if sums.requests or windows:
            self._account.count(_day(now), use, sums, windows)

    async def answer(self, exchange: Exchange, args: str) -> LocalReply:
        """Answer ``/usage [user|project|model|day] [SINCE]``."""
        from . import command

        plan, now = self.plan, self._now()
        await self._account.look(plan.budgets, _day(now), plan.keep_days)
        # Where one proxy serves several, what others use is not for everybody to read.
        user = self._people.use(exchange, plan.header).user if plan.header else ""
        return await command.answer(self._store.path, plan, now, args, user=user, problem=self.problem)

    async def close(self) -> None:
        """Write what is not written yet."""
        await self._account.close()

    # -- inside

    def _charged_model(self, exchange: Exchange) -> str | None:
        """The model that this request would use, None where it uses none."""
        if exchange.kind == "other":
            # Of several the first that is named; "" is one that nobody could read, and every budget is held against it.
            found = models_asked(exchange)
            return next((name for name in found if name), "") if found else None
        return exchange.model

    def _has_looked(self, plan: Plan) -> bool:
        last, now = self._looked, self._now()
        return last is not None and last[0] is plan and last[1] == _day(now) and 0 <= now - last[2] < LOOK_S

    async def _look(self, plan: Plan) -> None:
        now = self._now()
        today = _day(now)
        await self._account.look(plan.budgets, today, plan.keep_days)
        self._looked = (plan, today, now) if self._account.loaded else None

    def _due(self, plan: Plan, exchange: Exchange, use: Use) -> list[Verdict]:
        """The budgets about such a use of which there is something to say."""
        found = [of_tally(tally, use) for tally in self._account.tallies if tally.is_due(use)]
        windowed = [budget for budget in plan.budgets if budget.measure == "percent" and budget.concerns(use)]
        if windowed and use.account == "chatgpt":
            account = self._people.account(exchange)
            mine = [(name, seen) for (whose, name), seen in self._account.windows.items() if whose == account]
            for budget in windowed:
                found += [one for one in of_windows(budget, mine, self._now()) if one.is_due]
        return found


def used(outcome: Outcome, plan: Plan, model: str) -> Sums:
    """What an exchange comes to. An answer that broke off gave no figures: it is judged by its size."""
    if not 200 <= outcome.status < 300:
        return NOTHING
    usage, estimated = outcome.usage, 0
    taken, cached, made = usage.input_tokens, usage.cached_tokens, usage.output_tokens
    if not taken and not made and outcome.error in (None, "cut", "client_gone"):
        estimated = 1
        taken, made = outcome.bytes_in // INPUT_BYTES, outcome.bytes_out // OUTPUT_BYTES
    total = taken + made
    price = plan.prices.of(model)
    return Sums(
        requests=1,
        input=taken,
        cached=cached,
        output=made,
        reasoning=usage.reasoning_tokens,
        total=total,
        nanos=0 if price is None else price.nanos(taken, cached, made, outcome.rounds),
        unpriced=total if price is None else 0,
        estimated=estimated,
    )


def _day(now: float) -> date:
    return date.fromtimestamp(now)
