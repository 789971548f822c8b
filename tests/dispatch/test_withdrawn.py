"""A plugin that withdraws hooks is not called for them; one with nothing to enforce is skipped where it fails."""

from __future__ import annotations

from typing import Any

from dispatch.stage import dispatcher, exchange

from codexplus_core import Core, Exchange, Refusal, hookimpl
from codexplus_core.testing import Harness


class Idle:
    """Counts what it is called for; withdraws its hooks at the start."""

    def __init__(self) -> None:
        self.asked = 0
        self.core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core
        core.withdraw("on_request", "on_chunk")

    @hookimpl
    def on_session(self) -> None:
        self.core.take_back("on_request")

    @hookimpl
    def on_request(self) -> None:
        self.asked += 1

    @hookimpl
    def on_chunk(self) -> None:
        raise AssertionError("withdrawn")


class Guarding:
    """Must not be skipped, and fails."""

    FAIL_CLOSED = True

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        raise ValueError(exchange.prompt)


async def test_a_withdrawn_hook_is_not_called_until_it_is_taken_back() -> None:
    found = dispatcher(idle=(idle := Idle()))

    found.withdraw("idle", {"on_request"})
    await found.request(exchange())
    without = idle.asked
    found.take_back("idle", {"on_request"})
    await found.request(exchange())

    assert (without, idle.asked) == (0, 1)


def test_what_nobody_else_has_costs_nothing_once_it_is_withdrawn() -> None:
    found = dispatcher(idle=Idle())

    found.withdraw("idle", {"on_request", "on_chunk"})

    assert not found.has("on_request") and not found.has("on_chunk") and found.has("on_session")


async def test_a_plugin_withdraws_and_takes_back_its_own_hooks_through_the_core() -> None:
    idle, other = Idle(), Idle()
    async with Harness({"idle": idle}) as proxy:
        before = proxy.app.dispatcher.hooks
        answer = await proxy.say("hello")

    assert "on_request" not in before and "on_chunk" not in before
    assert (answer.text, idle.asked, other.asked) == ("Hello from the script.", 1, 0)


async def test_a_failure_refuses_only_while_there_is_something_to_enforce() -> None:
    found = dispatcher(guarding=Guarding())

    first = await found.request(exchange())
    found.fail_closed("guarding", wanted=False)
    second = await found.request(exchange())
    found.fail_closed("guarding", wanted=True)
    third = await found.request(exchange())

    assert (type(first), second, type(third)) == (Refusal, None, Refusal)


async def test_one_that_is_disabled_with_nothing_to_enforce_refuses_as_soon_as_there_is() -> None:
    found = dispatcher(guarding=Guarding())
    found.fail_closed("guarding", wanted=False)
    found.disable("guarding", "blocked the event loop three times")

    idle = await found.request(exchange())
    found.fail_closed("guarding", wanted=True)
    wanted = await found.request(exchange())

    assert idle is None
    assert isinstance(wanted, Refusal) and "guarding" in wanted.message
