"""How often the account is looked at before requests may go up."""

from __future__ import annotations

import asyncio
import inspect

from metered import Clock, Metered, Settings, costing

from codexplus_core import Exchange, Refusal, hookimpl
from codexplus_core.testing import Harness
from codexplus_enterprise.cost.store import UsageStore


class Kept(Metered):
    """Keeps the exchange, and counts the looks at the file."""

    looks = 0

    @hookimpl
    async def on_request(self, exchange: Exchange) -> Refusal | None:
        self.exchange = exchange
        return None

    def watch(self, store: UsageStore) -> None:
        changed = store.changed

        def counted() -> bool:
            self.looks += 1
            return changed()

        store.changed = counted  # type: ignore[method-assign]


async def test_requests_that_come_at_once_share_one_look_at_the_account(settings: Settings, clock: Clock) -> None:
    settings.mine(budgets={"user": {"amount": 100}})
    plugin = Kept(clock, path=settings.state)

    async with Harness({"meter": plugin}, script=[costing()], config=settings.config()) as running:
        await running.say("one")
        await plugin.usage._account.keep()
        plugin.watch(plugin.usage._store)
        clock.now += 60
        asked = [plugin.usage.allowed(plugin.exchange) for _ in range(20)]
        answers = await asyncio.gather(*(found for found in asked if inspect.isawaitable(found)))
        after = plugin.usage.allowed(plugin.exchange)

    assert answers == [None] * 20
    assert plugin.looks == 1
    assert after is None
