"""Events on their way down: who sees which, in what order, and what they make of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from dispatch.stage import Journal, delta, dispatcher, exchange, health_of
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Event, hookimpl
from codexplus_core.dispatch import Dispatcher, FailedClosed


class Mapper:
    """Does one thing to every event it sees."""

    def __init__(self, do: Callable[[Event], Any], order: int = 50, watches: tuple[str, ...] = ()) -> None:
        self.do, self.ORDER, self.WATCHES, self.saw = do, order, watches, list[Any]()

    @hookimpl
    def on_chunk(self, event: Event) -> Any:
        self.saw.append((event.data or {}).get("delta"))
        return self.do(event)


class AsyncMapper(Mapper):
    @hookimpl
    async def on_chunk(self, event: Event) -> Any:
        await asyncio.sleep(0)
        self.saw.append((event.data or {}).get("delta"))
        return self.do(event)


def texts(events: Any) -> list[str]:
    return [event.data["delta"] for event in events]


def add(word: str) -> Callable[[Event], Event]:
    return lambda event: event.replace({"delta": event.data["delta"] + word})  # type: ignore[index]


def twice(event: Event) -> list[Event]:
    return [event, event]


def drop(event: Event) -> list[Event]:
    return []


def keep(event: Event) -> None:
    return None


async def through(dispatcher: Dispatcher, event: Event, it: Any = None) -> list[Event] | None:
    made = dispatcher.chunk(it or exchange(), event)
    return await made if inspect.isawaitable(made) else made


def test_an_event_that_nobody_changes_stays_itself() -> None:
    assert dispatcher(a=Mapper(keep), b=Mapper(keep)).chunk(exchange(), delta("x")) is None


@pytest.mark.parametrize("kind", [Mapper, AsyncMapper])
async def test_each_plugin_sees_what_the_one_before_made_of_it(kind: Any) -> None:
    high, middle, low = kind(add("1"), 3), kind(twice, 2), kind(add("2"), 1)

    events = await through(dispatcher(high=high, middle=middle, low=low), delta("x"))

    assert texts(events) == ["x12", "x12"]
    assert (high.saw, middle.saw, low.saw) == (["x"], ["x1"], ["x1", "x1"])


@pytest.mark.parametrize("kind", [Mapper, AsyncMapper])
async def test_a_dropped_event_reaches_no_further_plugin(kind: Any) -> None:
    first, second = kind(drop, 2), kind(keep, 1)

    assert await through(dispatcher(first=first, second=second), delta("x")) == []
    assert second.saw == []


async def test_an_asynchronous_plugin_that_leaves_the_event_leaves_it_itself() -> None:
    assert await through(dispatcher(a=AsyncMapper(keep), b=AsyncMapper(keep)), delta("x")) is None


STEPS: dict[str, Callable[[Event], Any]] = {"add": add("+"), "twice": twice, "drop": drop, "keep": keep}
PLAN = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.booleans(), st.booleans()), max_size=5)


@given(PLAN)
def test_synchronous_and_asynchronous_plugins_mix_freely(plan: list[tuple[str, bool, bool]]) -> None:
    plugins = {
        f"p{n}": (AsyncMapper if later else Mapper)(
            STEPS[step], -n, ("response.output_text.delta",) if declared else ()
        )
        for n, (step, later, declared) in enumerate(plan)
    }
    expected = [delta("x")]
    for step, _, _ in plan:
        made = [(event, STEPS[step](event)) for event in expected]
        expected = [
            each
            for event, answer in made
            for each in ([event] if answer is None else [answer] if isinstance(answer, Event) else answer)
        ]

    event = delta("x")
    got = asyncio.run(through(dispatcher(**plugins), event))

    assert texts([event] if got is None else got) == texts(expected)


async def test_a_new_type_is_seen_only_by_those_who_watch_it() -> None:
    rename = Mapper(lambda event: Event("other", {"delta": "renamed"}), 3)
    deltas, others = Mapper(keep, 2, ("response.output_text.delta",)), Mapper(keep, 1, ("other",))

    events = await through(dispatcher(rename=rename, deltas=deltas, others=others), delta("x"))

    assert texts(events) == ["renamed"]
    assert (deltas.saw, others.saw) == ([], ["renamed"])


class Watcher(Mapper):
    def __init__(self, *types: str, watches: tuple[str, ...] = ()) -> None:
        super().__init__(keep, watches=watches)
        self.types = types

    @hookimpl
    def on_request(self, exchange: Any) -> None:
        exchange.watch(*self.types)


async def test_what_one_plugin_watches_is_not_sent_to_another() -> None:
    one, two, it = Watcher("a"), Watcher("b"), exchange()
    both = dispatcher(one=one, two=two)
    await both.request(it)

    both.chunk(it, delta("for one", "a"))
    both.chunk(it, delta("for two", "b"))
    both.chunk(it, delta("for nobody", "c"))

    assert (one.saw, two.saw) == (["for one"], ["for two"])
    assert both.watched_types(it) == frozenset("ab")


async def test_watching_in_an_exchange_takes_the_place_of_watches() -> None:
    plugin, it = Watcher("a", watches=("b",)), exchange()
    one = dispatcher(one=plugin)

    before = one.watched_types(it)
    await one.request(it)

    assert before == frozenset("b")
    assert one.watched_types(it) == frozenset("a")


async def test_watching_nothing_is_heard_as_nothing() -> None:
    it, one = exchange(), dispatcher(one=Watcher())
    await one.request(it)

    assert one.watched_types(it) == frozenset()


def test_on_chunk_without_any_types_gets_every_event() -> None:
    assert dispatcher(all=Mapper(keep), some=Mapper(keep, watches=("a",))).watched_types(exchange()) is None


async def test_what_one_exchange_watches_is_not_watched_in_the_next() -> None:
    one, first, second = dispatcher(one=Watcher("a", watches=("b",))), exchange(), exchange()
    await one.request(first)

    assert (one.watched_types(first), one.watched_types(second)) == (frozenset("a"), frozenset("b"))


async def test_a_plugin_may_begin_to_watch_in_mid_stream() -> None:
    class Late(Mapper):
        @hookimpl
        def on_tool_use(self, exchange: Any) -> None:
            exchange.watch("b")

    plugin, it = Late(keep, watches=("a",)), exchange()
    late = dispatcher(late=plugin)
    late.chunk(it, delta("1", "b"))

    await late.tool_use(it, None)  # type: ignore[arg-type]
    late.chunk(it, delta("2", "b"))

    assert plugin.saw == ["2"]


def test_many_made_up_types_do_not_fill_the_memory() -> None:
    it, one = exchange(), dispatcher(one=Mapper(keep, watches=("a",)))

    for number in range(2000):
        one.chunk(it, Event(f"type{number}", {}))

    assert len(it._routes) <= 500


@pytest.mark.parametrize("nonsense", ["text", b"bytes", {"type": "x"}, ["x"], 7])
@pytest.mark.parametrize("kind", [Mapper, AsyncMapper])
async def test_nonsense_is_reported_by_name_and_the_event_goes_on(kind: Any, nonsense: Any) -> None:
    log = Journal()
    wrong, right = kind(lambda _: nonsense, 2), kind(add("!"), 1)
    both = dispatcher(log, wrong=wrong, right=right)

    events = await through(both, delta("x"))

    assert texts(events) == ["x!"]
    assert [entry["plugin"] for entry in log.of("plugin_answered_wrongly")] == ["wrong"]


def fail(_: Event) -> None:
    raise ValueError


@pytest.mark.parametrize("kind", [Mapper, AsyncMapper])
@pytest.mark.parametrize("position", [1, 3])
async def test_a_failure_in_a_chain_leaves_the_event_as_the_others_made_it(kind: Any, position: int) -> None:
    broken, good = kind(fail, position), kind(add("!"), 2)

    events = await through(dispatcher(broken=broken, good=good), delta("x"))

    assert texts(events) == ["x!"]


@pytest.mark.parametrize("kind", [Mapper, AsyncMapper])
@pytest.mark.parametrize("answer", [fail, lambda _: "nonsense"])
@pytest.mark.parametrize("position", [1, 3])
async def test_a_stream_fails_with_a_plugin_that_must_not_be_skipped(kind: Any, answer: Any, position: int) -> None:
    policy, good = kind(answer, position), kind(twice, 2)
    policy.FAIL_CLOSED = True

    with pytest.raises(FailedClosed) as failed:
        await through(dispatcher(policy=policy, good=good), delta("x"))

    assert (failed.value.plugin, failed.value.hook) == ("policy", "on_chunk")


async def test_a_synchronous_chain_creates_no_coroutine() -> None:
    made = dispatcher(a=Mapper(keep), b=Mapper(add("!"))).chunk(exchange(), delta("x"))

    assert isinstance(made, list)


async def test_calls_of_the_hot_path_are_counted() -> None:
    one, it = dispatcher(one=Mapper(keep)), exchange()

    for _ in range(3):
        one.chunk(it, delta("x"))

    assert health_of(one, "one")["calls"] == 3
