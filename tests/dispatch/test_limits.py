"""A plugin's own time is limited; what core services take is not its own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from dispatch.late import Doing, never, now, swallow
from dispatch.stage import Journal, dispatcher, exchange, health_of, in_virtual_time

from codexplus_core import LocalReply, Refusal, hookimpl
from codexplus_core.budget import pause


async def service(seconds: float) -> str:
    async with pause():
        await asyncio.sleep(seconds)
    return "served"


def test_a_late_plugin_is_cut_off_named_and_counted() -> None:
    log = Journal()

    async def main() -> Any:
        late = dispatcher(log, late=Doing(lambda: asyncio.sleep(60)))
        it = exchange()
        answer = await late.request(it)
        return answer, it.prompt, now(), health_of(late, "late")

    answer, prompt, when, health = in_virtual_time(main())

    assert (answer, prompt) == (None, "hello")
    assert when == pytest.approx(5.0)
    assert (health["late"], health["errors"], health["state"]) == (1, 0, "failing")
    assert [(fields["plugin"], fields["abandoned"]) for fields in log.of("plugin_late")] == [("late", False)]


def test_a_late_plugin_that_must_not_be_skipped_refuses() -> None:
    async def main() -> Any:
        return await dispatcher(policy=Doing(lambda: asyncio.sleep(60), fail_closed=True)).request(exchange())

    assert isinstance(in_virtual_time(main()), Refusal)


def test_waiting_in_a_core_service_costs_no_time() -> None:
    async def work() -> Any:
        await asyncio.sleep(4)
        await service(600)
        await asyncio.sleep(0.9)
        return LocalReply("done")

    async def main() -> Any:
        return await dispatcher(a=Doing(work)).request(exchange()), now()

    answer, when = in_virtual_time(main())

    assert answer == LocalReply("done")
    assert when == pytest.approx(604.9)


def test_what_was_used_before_a_service_still_counts_after_it() -> None:
    async def work() -> Any:
        await asyncio.sleep(4)
        await service(600)
        await asyncio.sleep(2)

    async def main() -> float:
        await dispatcher(a=Doing(work)).request(exchange())
        return now()

    assert in_virtual_time(main()) == pytest.approx(605.0)


def test_a_service_as_the_first_thing_costs_no_time_either() -> None:
    async def work() -> Any:
        await service(60)
        await service(60)
        return LocalReply("done")

    async def main() -> Any:
        return await dispatcher(a=Doing(work)).request(exchange())

    assert in_virtual_time(main()) == LocalReply("done")


def test_services_used_side_by_side_cost_no_time() -> None:
    async def work() -> Any:
        await asyncio.gather(service(60), service(90))
        return LocalReply("done")

    async def main() -> Any:
        return await dispatcher(a=Doing(work)).request(exchange())

    assert in_virtual_time(main()) == LocalReply("done")


def test_a_service_that_outlives_its_call_does_no_harm() -> None:
    tasks = []

    async def work() -> Any:
        tasks.append(asyncio.ensure_future(service(60)))
        await asyncio.sleep(1)
        return LocalReply("done")

    async def main() -> Any:
        return await dispatcher(a=Doing(work)).request(exchange()), await tasks[0]

    assert in_virtual_time(main()) == (LocalReply("done"), "served")


def test_a_plugin_called_by_a_service_has_its_own_limit() -> None:
    async def main() -> Any:
        inner = dispatcher(inner=Doing(lambda: asyncio.sleep(60)))

        async def work() -> Any:
            async with pause():
                await inner.request(exchange())
                await asyncio.sleep(100)
            return LocalReply("outer goes on")

        answer = await dispatcher(outer=Doing(work)).request(exchange())
        return answer, health_of(inner, "inner")["late"], now()

    assert in_virtual_time(main()) == (LocalReply("outer goes on"), 1, pytest.approx(105.0))


async def test_outside_a_plugin_pausing_does_nothing() -> None:
    async with pause():
        pass


@pytest.mark.req("P11")
@pytest.mark.abuse("I15")
def test_a_plugin_that_ignores_its_cancellation_is_left_behind_with_its_name() -> None:
    log = Journal()

    async def main() -> Any:
        stubborn = dispatcher(log, stubborn=Doing(swallow))
        return await stubborn.request(exchange()), now(), asyncio.current_task().cancelling()  # type: ignore[union-attr]

    assert in_virtual_time(main()) == (None, pytest.approx(6.0), 0)
    assert [(fields["plugin"], fields["abandoned"]) for fields in log.of("plugin_late")] == [("stubborn", True)]


def test_a_plugin_may_clean_up_when_it_is_late() -> None:
    cleaned = []

    async def work() -> None:
        try:
            await never()
        finally:
            await asyncio.sleep(0.5)
            cleaned.append(now())

    async def main() -> None:
        await dispatcher(a=Doing(work)).request(exchange())

    in_virtual_time(main())

    assert cleaned == [pytest.approx(5.5)]


def test_an_answer_that_comes_after_the_limit_does_not_count() -> None:
    async def work() -> LocalReply:
        with contextlib.suppress(asyncio.CancelledError):
            await never()
        return LocalReply("too late")

    async def main() -> Any:
        late = dispatcher(late=Doing(work))
        return await late.request(exchange()), health_of(late, "late")["late"]

    assert in_virtual_time(main()) == (None, 1)


def test_an_error_while_being_cut_off_is_lateness() -> None:
    async def work() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            raise ValueError from None

    async def main() -> Any:
        late = dispatcher(late=Doing(work))
        await late.request(exchange())
        health = health_of(late, "late")
        return health["late"], health["errors"]

    assert in_virtual_time(main()) == (1, 0)


def test_a_timeout_of_the_plugins_own_is_an_error_and_not_lateness() -> None:
    async def work() -> None:
        async with asyncio.timeout(1):
            await never()

    async def main() -> Any:
        impatient = dispatcher(impatient=Doing(work))
        await impatient.request(exchange())
        health = health_of(impatient, "impatient")
        return health["late"], health["last_error"].split(" at ")[0]

    assert in_virtual_time(main()) == (0, "on_request: TimeoutError")


def test_a_timeout_that_the_plugin_handles_is_its_own_affair() -> None:
    async def work() -> LocalReply:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await never()
        return LocalReply("done")

    async def main() -> Any:
        return await dispatcher(a=Doing(work)).request(exchange())

    assert in_virtual_time(main()) == LocalReply("done")


def test_awaiting_a_task_that_was_cancelled_is_the_plugins_fault_and_cancels_nobody() -> None:
    async def work() -> None:
        task = asyncio.ensure_future(never())
        asyncio.get_running_loop().call_soon(task.cancel)
        await task

    async def main() -> Any:
        stray = dispatcher(stray=Doing(work))
        return await stray.request(exchange()), health_of(stray, "stray")["errors"]

    assert in_virtual_time(main()) == (None, 1)


def test_a_service_may_take_its_time_to_clean_up_after_a_timeout_of_the_plugins_own() -> None:
    async def slow_to_stop() -> None:
        async with pause():
            try:
                await never()
            finally:
                await asyncio.sleep(20)

    async def work() -> LocalReply:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await slow_to_stop()
        await asyncio.sleep(3)
        return LocalReply("done")

    async def main() -> Any:
        return await dispatcher(a=Doing(work)).request(exchange()), now()

    assert in_virtual_time(main()) == (LocalReply("done"), pytest.approx(24.0))


def test_a_timeout_that_the_plugin_handles_costs_it_no_grace_later() -> None:
    async def work() -> LocalReply:
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    try:
                        await never()
                    finally:
                        await asyncio.sleep(0.75)
        await asyncio.sleep(1.5)
        return LocalReply("done")

    async def main() -> Any:
        return await dispatcher(a=Doing(work)).request(exchange())

    assert in_virtual_time(main()) == LocalReply("done")


def test_starting_may_take_longer_than_a_request() -> None:
    class Slow:
        @hookimpl
        async def on_startup(self) -> None:
            await asyncio.sleep(20)

    async def main() -> Any:
        slow = dispatcher(slow=Slow())
        await slow.startup(None)  # type: ignore[arg-type]
        return health_of(slow, "slow")["state"]

    assert in_virtual_time(main()) == "ok"
