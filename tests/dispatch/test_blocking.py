"""A plugin that holds the event loop is named and, after three times, disabled."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from dispatch.stage import Clock, Journal, delta, dispatcher, exchange, health_of

from codexplus_core import Event, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.budget import pause
from codexplus_core.dispatch import Dispatcher, FailedClosed
from codexplus_core.dispatch_faults import stolen_seconds
from codexplus_core.watchdog import Watchdog


class Blocking:
    """Lets the clock run on while it computes."""

    def __init__(self, clock: Clock, seconds: float = 0.6, *, fail_closed: bool = False) -> None:
        self.clock, self.seconds, self.FAIL_CLOSED, self.closed = clock, seconds, fail_closed, 0

    @hookimpl
    def on_request(self) -> None:
        self.clock.now += self.seconds

    @hookimpl
    async def on_tool_use(self) -> None:
        await asyncio.sleep(0)
        self.clock.now += self.seconds

    @hookimpl
    def on_tool_result(self) -> None: ...

    @hookimpl
    def on_chunk(self) -> None:
        self.clock.now += self.seconds

    @hookimpl
    def on_shutdown(self) -> None:
        self.closed += 1


def stage(log: Journal | None = None, *, stolen: Any = None, **more: Any) -> tuple[Clock, Blocking, Dispatcher]:
    clock = Clock()
    plugin = Blocking(clock, **more)
    settings = {"clock": clock, **({"stolen": stolen} if stolen else {})}
    return clock, plugin, dispatcher(log, settings=settings, slow=plugin)


CALL = ToolCall("c", "shell", {})


async def ask(hook: str, slow: Dispatcher) -> None:
    it = exchange()
    match hook:
        case "on_request":
            await slow.request(it)
        case "on_tool_use":
            await slow.tool_use(it, CALL)
        case "on_chunk":
            slow.chunk(it, delta("x"))


@pytest.mark.req("P11")
@pytest.mark.parametrize("hook", ["on_request", "on_tool_use", "on_chunk"])
async def test_three_times_blocking_disables_a_plugin_by_name(hook: str) -> None:
    log = Journal()
    _, _, slow = stage(log)

    for _ in range(2):
        await ask(hook, slow)
    twice = health_of(slow, "slow")["state"], slow.has(hook)
    await ask(hook, slow)

    assert twice == ("failing", True)
    assert not slow.has(hook)
    assert health_of(slow, "slow")["state"] == "disabled"
    assert health_of(slow, "slow")["blocked"] == 3
    assert [(fields["plugin"], fields["hook"]) for fields in log.of("plugin_blocked")] == [("slow", hook)] * 3
    assert [fields["plugin"] for fields in log.of("plugin_disabled")] == ["slow"]


async def test_below_the_limit_nobody_is_blamed() -> None:
    _, _, slow = stage(seconds=0.49)

    for _ in range(10):
        await slow.request(exchange())

    assert health_of(slow, "slow")["blocked"] == 0


async def test_three_hiccups_far_apart_disable_nobody() -> None:
    clock, _, slow = stage()

    for _ in range(10):
        await slow.request(exchange())
        clock.now += 1900

    assert health_of(slow, "slow")["state"] != "disabled"
    assert health_of(slow, "slow")["blocked"] == 10


async def test_time_that_other_processes_took_from_us_is_not_the_plugins() -> None:
    taken = 0.0
    clock = Clock()

    class Preempted:
        @hookimpl
        def on_request(self) -> None:
            nonlocal taken
            clock.now += 5.0
            taken += 4.9

    innocent = dispatcher(settings={"clock": clock, "stolen": lambda: taken}, innocent=Preempted())
    for _ in range(5):
        clock.now += 2
        await innocent.request(exchange())

    assert health_of(innocent, "innocent")["blocked"] == 0


async def test_old_theft_does_not_excuse_a_plugin() -> None:
    taken = [0.0]
    clock, _, slow = stage(stolen=lambda: taken[0])

    for _ in range(3):
        taken[0] += 100
        clock.now += 2
        await slow.request(exchange())

    assert health_of(slow, "slow")["state"] == "disabled"


def test_waiting_time_of_this_thread_never_runs_backwards() -> None:
    before = stolen_seconds()

    assert stolen_seconds() >= before >= 0.0


async def test_a_plugin_is_not_blamed_for_a_core_service_that_computes() -> None:
    clock = Clock()

    class User:
        @hookimpl
        async def on_request(self) -> None:
            clock.now += 0.3
            async with pause():
                clock.now += 10
                await asyncio.sleep(0)
                clock.now += 10
            clock.now += 0.3
            await asyncio.sleep(0)

    user = dispatcher(settings={"clock": clock}, user=User())
    await user.request(exchange())

    assert health_of(user, "user")["blocked"] == 0


async def test_blocking_before_or_after_a_core_service_is_the_plugins_own() -> None:
    clock = Clock()

    class User:
        @hookimpl
        async def on_request(self) -> None:
            clock.now += 0.3
            async with pause():
                clock.now += 10
            clock.now += 0.3

    user = dispatcher(settings={"clock": clock}, user=User())
    await user.request(exchange())

    assert health_of(user, "user")["blocked"] == 1


async def test_a_plugin_called_by_a_core_service_is_blamed_itself() -> None:
    clock = Clock()
    inner = dispatcher(settings={"clock": clock}, inner=Blocking(clock))

    class Outer:
        @hookimpl
        async def on_request(self) -> None:
            async with pause():
                await inner.request(exchange())

    outer = dispatcher(settings={"clock": clock}, outer=Outer())
    await outer.request(exchange())

    assert (health_of(inner, "inner")["blocked"], health_of(outer, "outer")["blocked"]) == (1, 0)


async def test_blocking_while_nothing_is_served_is_no_offence() -> None:
    clock = Clock()

    class Heavy:
        @hookimpl
        def on_startup(self) -> None:
            clock.now += 3

    heavy = dispatcher(settings={"clock": clock}, heavy=Heavy())
    for _ in range(3):
        await heavy.startup(None)  # type: ignore[arg-type]

    assert health_of(heavy, "heavy")["state"] == "ok"


async def test_a_disabled_plugin_that_must_not_be_skipped_keeps_refusing() -> None:
    _, _, slow = stage(fail_closed=True)
    streaming = exchange()
    slow.chunk(streaming, delta("x"))
    for _ in range(2):
        await slow.request(exchange())

    calls = health_of(slow, "slow")["calls"]
    refused = await slow.request(exchange())
    _, denied = await slow.tool_use(streaming, CALL)
    withheld = await slow.tool_result(streaming, CALL, ToolResult("secret"))

    assert isinstance(refused, Refusal)
    assert "'slow' is disabled" in refused.message
    assert isinstance(denied, Refusal)
    assert withheld.is_error
    with pytest.raises(FailedClosed):
        slow.chunk(streaming, delta("x"))
    assert health_of(slow, "slow")["calls"] == calls


async def test_a_disabled_plugin_may_still_close_what_it_opened() -> None:
    _, plugin, slow = stage()
    slow.disable("slow", "the administrator wants it")

    await slow.shutdown(None)  # type: ignore[arg-type]

    assert plugin.closed == 1
    assert health_of(slow, "slow")["reason"] == "the administrator wants it"


async def test_a_stream_goes_on_without_the_plugin_that_was_disabled_under_it() -> None:
    _, _, slow = stage()
    it = exchange()

    answers = [slow.chunk(it, Event("a", {})) for _ in range(5)]

    assert answers == [None] * 5
    assert slow.watched_types(it) == frozenset()
    assert health_of(slow, "slow")["calls"] == 3


async def test_the_watchdog_names_the_plugin_that_holds_the_loop_once() -> None:
    log, clock = Journal(), Clock()

    class Hanging:
        @hookimpl
        def on_chunk(self) -> None:
            watchdog.look()
            clock.now += 11
            watchdog.look()
            watchdog.look()

    hanging = dispatcher(settings={"clock": clock}, hanging=Hanging())
    watchdog = Watchdog(hanging.stopwatch, log=log, after=10)
    hanging.chunk(exchange(), delta("x"))
    clock.now += 100
    watchdog.look()

    (fields,) = log.of("plugin_holds_the_event_loop")
    assert (fields["plugin"], fields["hook"], fields["seconds"]) == ("hanging", "on_chunk", 11.0)


async def test_the_watchdog_sees_steps_of_coroutines_but_not_their_waiting() -> None:
    log, clock = Journal(), Clock()

    class Waiting:
        @hookimpl
        async def on_request(self) -> None:
            clock.now += 11
            watchdog.look()
            async with pause():
                clock.now += 11
                watchdog.look()
            asyncio.get_running_loop().call_soon(later)
            await asyncio.sleep(0)

    def later() -> None:
        clock.now += 100
        watchdog.look()

    waiting = dispatcher(settings={"clock": clock}, waiting=Waiting())
    watchdog = Watchdog(waiting.stopwatch, log=log, after=10)
    await waiting.request(exchange())

    assert [fields["seconds"] for fields in log.of("plugin_holds_the_event_loop")] == [11.0]


async def test_the_watchdogs_thread_reports_where_a_plugin_hangs() -> None:
    named = threading.Event()

    class Log(Journal):
        def warning(self, event: str, **fields: Any) -> None:
            super().warning(event, **fields)
            if event == "plugin_holds_the_event_loop":
                named.set()

    class Hanging:
        @hookimpl
        def on_chunk(self) -> None:
            assert named.wait(10)

    log = Log()
    hanging = dispatcher(hanging=Hanging())
    watchdog = Watchdog(hanging.stopwatch, log=log, after=0.0, every=0.001)
    watchdog.start()
    try:
        hanging.chunk(exchange(), delta("x"))
    finally:
        watchdog.stop()
        watchdog.stop()

    (fields,) = log.of("plugin_holds_the_event_loop")
    assert fields["plugin"] == "hanging"
    assert fields["where"].rpartition(":")[0] in {"threading.py", Path(__file__).name, "dispatch.py"}
