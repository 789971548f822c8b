"""Requests run up the numbers, events run down."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dispatch.stage import delta, dispatcher, exchange
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Action, Outcome, Session, ToolCall, ToolResult, Usage, hookimpl

CALL = ToolCall("c1", "shell", {"command": "ls"})
OUTCOME = Outcome(200, "upstream", None, Usage(), 1, 0.1, 0.2, 10, 20)


class Witness:
    """Writes down every hook it is called for."""

    def __init__(self, name: str, order: int, seen: list[tuple[str, str]]) -> None:
        self.name, self.ORDER, self.seen = name, order, seen

    def note(self, hook: str) -> None:
        self.seen.append((hook, self.name))

    @hookimpl
    def on_startup(self) -> None:
        self.note("on_startup")

    @hookimpl
    async def on_session(self) -> None:
        self.note("on_session")

    @hookimpl
    def on_tool_result(self) -> None:
        self.note("on_tool_result")

    @hookimpl
    async def on_request(self) -> None:
        await asyncio.sleep(0)
        self.note("on_request")

    @hookimpl
    def on_action(self) -> None:
        self.note("on_action")

    @hookimpl
    async def on_tool_use(self) -> None:
        self.note("on_tool_use")

    @hookimpl
    def on_chunk(self) -> None:
        self.note("on_chunk")

    @hookimpl
    def on_turn_end(self) -> None:
        self.note("on_turn_end")

    @hookimpl
    async def on_exchange_end(self) -> None:
        self.note("on_exchange_end")

    @hookimpl
    def on_shutdown(self) -> None:
        self.note("on_shutdown")


async def call_every_hook(dispatcher: Any) -> None:
    it = exchange()
    await dispatcher.startup(None)
    await dispatcher.session(it.session, "start")
    await dispatcher.tool_result(it, CALL, ToolResult("ok"))
    await dispatcher.request(it)
    await dispatcher.action(Action("run", argv=("ls",)))
    await dispatcher.tool_use(it, CALL)
    dispatcher.chunk(it, delta("x"))
    dispatcher.turn_end(it)
    await dispatcher.exchange_end(it, OUTCOME)
    await dispatcher.shutdown(None)


UP = {"on_startup", "on_session", "on_tool_result", "on_request", "on_action"}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(-3, 3), min_size=1))
def test_each_hook_is_called_once_in_its_direction_with_ties_by_name(orders: dict[str, int]) -> None:
    seen: list[tuple[str, str]] = []
    plugins = {name: Witness(name, order, seen) for name, order in orders.items()}

    asyncio.run(call_every_hook(dispatcher(**plugins)))

    up = sorted(orders, key=lambda name: (orders[name], name))
    for hook in {hook for hook, _ in seen}:
        called = [name for seen_hook, name in seen if seen_hook == hook]
        assert called == (up if hook in UP else up[::-1]), hook
    assert len(seen) == 10 * len(orders)


async def test_without_plugins_nothing_changes_and_nobody_is_asked() -> None:
    empty, it, event = dispatcher(), exchange(), delta("x")

    assert empty.hooks == frozenset()
    assert not empty.has("on_chunk")
    assert await empty.request(it) is None
    assert empty.chunk(it, event) is None
    assert empty.watched_types(it) == frozenset()
    assert await empty.tool_use(it, CALL) == (CALL, None)
    assert await empty.action(Action("run")) is None
    assert empty.health() == []


async def test_has_knows_which_hooks_somebody_implements() -> None:
    class OnlyRequests:
        @hookimpl
        def on_request(self) -> None: ...

    some = dispatcher(some=OnlyRequests())

    assert some.has("on_request")
    assert not some.has("on_tool_use")


def shapes() -> list[Any]:
    class Nothing:
        @hookimpl
        def on_session(self) -> None:
            seen.append(())

    class Second:
        @hookimpl
        async def on_session(self, phase: Any) -> None:
            seen.append((phase,))

    class Swapped:
        @hookimpl
        def on_session(self, phase: Any, session: Any) -> None:
            seen.append((phase, session.id))

    class Awaitable:
        @hookimpl
        def on_session(self, session: Any, unrelated: int = 7) -> Any:
            async def later() -> None:
                seen.append((session.id, unrelated))

            return asyncio.ensure_future(later())

    seen: list[Any] = []
    expected = [(), ("start",), ("start", "s"), ("s", 7)]
    return [
        pytest.param(made(), seen, want)
        for made, want in zip((Nothing, Second, Swapped, Awaitable), expected, strict=True)
    ]


@pytest.mark.parametrize(("plugin", "seen", "expected"), shapes())
async def test_a_hook_takes_any_subset_of_arguments_in_any_order(plugin: Any, seen: list[Any], expected: Any) -> None:
    seen.clear()

    await dispatcher(one=plugin).session(Session("s"), "start")

    assert seen == [expected]


async def test_three_arguments_arrive_under_their_names() -> None:
    class Picky:
        @hookimpl
        def on_tool_result(self, result: Any, exchange: Any) -> ToolResult:
            return ToolResult(f"{result.output} for {exchange.prompt}")

    changed = await dispatcher(picky=Picky()).tool_result(exchange("me"), CALL, ToolResult("data"))

    assert changed.output == "data for me"


async def test_state_belongs_to_one_plugin() -> None:
    class Keeper:
        @hookimpl
        async def on_request(self, exchange: Any) -> None:
            exchange.state["mine"] = exchange.session.state["mine"] = self
            await asyncio.sleep(0)
            assert exchange.state == {"mine": self}

        @hookimpl
        def on_chunk(self, exchange: Any) -> None:
            assert exchange.state == exchange.session.state == {"mine": self}

    both, it = dispatcher(a=Keeper(), b=Keeper()), exchange()

    await both.request(it)
    both.chunk(it, delta("x"))

    assert [entry["errors"] for entry in both.health()] == [0, 0]
    assert it.state == {}
