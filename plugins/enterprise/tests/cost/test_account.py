"""The account survives restarts and full disks, and two proxies share it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from metered import MODEL, Clock, Metered, Settings, costing, requests_in

from codexplus_core.testing import Harness, text
from codexplus_enterprise.cost.account import MOST, Account
from codexplus_enterprise.cost.budget import Budget
from codexplus_enterprise.cost.store import UsageStore
from codexplus_enterprise.cost.sums import Sums, Use
from codexplus_enterprise.cost.windows import Window

DAY = date(2026, 11, 20)


USE = Use("ada", "/srv/one", MODEL, "api")


class Told:
    """What was reported."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))


def proxy(settings: Settings, clock: Clock, *script: Any) -> tuple[Harness, Metered]:
    plugin = Metered(clock, path=settings.state)
    return Harness({"meter": plugin}, script=script, config=settings.config()), plugin


@pytest.mark.req("E6")
async def test_a_restart_keeps_what_was_spent(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"user": {"amount": 0.3}})
    first, _ = proxy(settings, clock, costing())
    second, _ = proxy(settings, clock, text("never"))

    async with first as running:
        await running.say("one")
    async with second as running:
        answer = await running.say("two")

    assert answer.error is not None and "0.30 of 0.30 USD" in answer.error
    assert running.upstream.turns == []


@pytest.mark.req("E6")
@pytest.mark.abuse("C18")
async def test_two_proxies_of_one_user_share_a_budget(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"user": {"requests": 2}})
    left, plugin = proxy(settings, clock, text("one"), text("never"))
    right, _ = proxy(settings, clock, text("two"), text("never"))

    async with left as here, right as there:
        first = await here.say("a")
        await plugin.usage._account.look(plugin.usage.plan.budgets, DAY)  # what the next half second brings
        second = await there.say("b")
        clock.now += 1
        await there.say("/usage")
        third = await here.say("c")

    assert (first.text, second.text) == ("one", "two")
    assert third.error is not None and "2 of 2 requests" in third.error


@pytest.mark.req("E6")
async def test_a_refusal_is_only_given_once_what_it_goes_by_is_on_disk(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"user": {"requests": 1}})
    running, _ = proxy(settings, clock, text("one"))

    async with running:
        await running.say("a")
        refused = await running.say("b")
        kept = requests_in(settings.state)

    assert refused.error is not None and "1 of 1 requests" in refused.error
    assert kept == 1


async def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    accounts = [Account(UsageStore(tmp_path / "usage.db"), Told()) for _ in range(4)]

    async with asyncio.timeout(30):
        for _ in range(25):
            for account in accounts:
                account.count(DAY, USE, Sums(requests=1), {})
            await asyncio.gather(*(account.look((), DAY) for account in accounts))
        for account in accounts:
            await account.close()

    assert requests_in(tmp_path / "usage.db") == 100


@pytest.mark.abuse("H10")
async def test_what_the_disk_does_not_take_is_kept_and_written_later(tmp_path: Path) -> None:
    told = Told()
    folder = tmp_path / "state"
    folder.write_text("a file where the folder should be")
    account = Account(UsageStore(folder / "usage.db"), told)
    budgets = (Budget("all", "requests", 1.0),)

    await account.look(budgets, DAY)
    account.count(DAY, USE, Sums(requests=1), {})
    await account.look(budgets, DAY)
    spent = account.tallies[0].spent(USE)
    folder.unlink()
    await account.look(budgets, DAY)
    loaded = account.loaded
    await account.close()

    assert spent == 1.0
    assert [event for event, _ in told.events] == ["usage_not_kept"]
    assert loaded and account.problem == ""
    assert requests_in(folder / "usage.db") == 1


FULL = """
    import asyncio, resource, signal, sys
    from datetime import date
    from pathlib import Path
    from codexplus_enterprise.cost.account import Account
    from codexplus_enterprise.cost.store import UsageStore
    from codexplus_enterprise.cost.sums import Sums, Use

    async def main():
        path = Path(sys.argv[1])
        account = Account(UsageStore(path), lambda event, **fields: print(event, flush=True))
        day, room = date(2026, 11, 20), resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        account.count(day, Use("ada", "", "first", "api"), Sums(requests=1), {})
        await account.look((), day)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 4096, room))
        for number in range(3000):
            account.count(day, Use("ada", "/" + "x" * 100, f"model-{number}", "api"), Sums(requests=1), {})
        await account.look((), day)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        await account.close()

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a disk that is full at will")
@pytest.mark.abuse("H10")
def test_a_full_disk_loses_nothing_while_the_proxy_runs(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(path)], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["usage_not_kept"]
    assert requests_in(path) == 3001


async def test_a_managed_budget_that_cannot_be_held_lets_nothing_through(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"amount": 5}})
    settings.state.mkdir()
    harness, _ = proxy(settings, clock, text("never"))

    async with harness as running:
        answer = await running.say("one")

    assert answer.error is not None
    assert answer.error.startswith("what was used cannot be read, and your administrator has set budgets")
    assert running.upstream.turns == []


async def test_without_an_account_a_budget_of_ones_own_counts_from_the_start_of_the_proxy(
    settings: Settings, clock: Clock
) -> None:
    settings.mine(budgets={"all": {"requests": 1}})
    settings.state.mkdir()
    harness, _ = proxy(settings, clock, text("one"), text("never"))

    async with harness as running:
        first, second = await running.say("one"), await running.say("two")

    assert first.text == "one"
    assert second.error is not None and "is spent" in second.error


async def test_a_clock_that_is_turned_back_does_not_bring_a_budget_back(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"requests": 1, "period": "day"}})
    harness, _ = proxy(settings, clock, text("one"), text("never"))

    async with harness as running:
        await running.say("one")
        clock.set("2026-11-01 09:00")
        answer = await running.say("two")

    assert answer.error is not None and "is spent" in answer.error


async def test_old_days_are_dropped_unless_a_budget_counts_them(tmp_path: Path) -> None:
    store = UsageStore(tmp_path / "usage.db")
    store.add({("2020-01-01", USE): Sums(requests=1), ("2026-11-19", USE): Sums(requests=1)}, {})
    store.close()
    ever = (Budget("all", "requests", 9.0, period="ever"),)

    keeping, dropping = (Account(UsageStore(tmp_path / "usage.db"), Told()) for _ in range(2))
    await keeping.look(ever, DAY, 30)
    await keeping.close()
    kept = requests_in(tmp_path / "usage.db")
    await dropping.look((), DAY, 30)
    await dropping.close()

    assert (kept, requests_in(tmp_path / "usage.db")) == (2, 1)


async def test_names_without_end_do_not_fill_the_memory(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.write_text("a file where the folder should be")
    account = Account(UsageStore(folder / "usage.db"), Told())

    for number in range(MOST + 500):
        account.count(DAY, USE._replace(model=f"made-up-{number}"), Sums(requests=1), {})

    assert len(account._pending) <= MOST + 1
    assert sum(sums.requests for sums in account._pending.values()) == MOST + 500
    await account.close()


async def test_the_newest_figures_of_a_window_count_whoever_writes_last(tmp_path: Path) -> None:
    store = UsageStore(tmp_path / "usage.db")

    store.add({}, {("", "primary"): Window(50.0, 300, 2000.0, 1000.0)})
    store.add({}, {("", "primary"): Window(40.0, 300, 2000.0, 900.0)})

    assert store.windows() == {("", "primary"): Window(50.0, 300, 2000.0, 1000.0)}
    store.close()
