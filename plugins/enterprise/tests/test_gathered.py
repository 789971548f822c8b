"""What can wait for a moment is done together, all of it, whatever becomes of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from codexplus_enterprise.gathered import MOST, Gathered

WAIT = 60.0


@pytest.fixture
def gathered() -> Gathered:
    return Gathered()


def fails(*_: object) -> None:
    raise RuntimeError("a fault")


async def test_what_waits_is_done_in_its_order_without_being_asked_for(gathered: Gathered) -> None:
    done: list[int] = []
    last = asyncio.Event()
    gathered.put(done.append, 1)
    gathered.put(done.append, 2)
    gathered.put(last.set)

    at_once = list(done)
    await asyncio.wait_for(last.wait(), WAIT)

    assert (at_once, done) == ([], [1, 2])


async def test_whoever_reads_has_it_done_at_once_and_once(gathered: Gathered) -> None:
    done: list[int] = []
    gathered.put(done.append, 1)

    gathered.settle()
    gathered.settle()
    await gathered.close()

    assert done == [1]


async def test_more_than_a_few_do_not_wait_for_the_moment_to_pass(
    gathered: Gathered, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, done = asyncio.get_running_loop(), list[int]()
    monkeypatch.setattr(loop, "call_later", lambda *_, **__: loop.call_at(loop.time() + 3600.0, fails))

    for number in range(MOST):
        gathered.put(done.append, number)
    await asyncio.sleep(0)

    assert done == list(range(MOST))


async def test_one_that_fails_is_reported_by_the_loop_and_keeps_no_other_from_being_done(gathered: Gathered) -> None:
    done: list[int] = []
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: reported.append(about))
    last = asyncio.Event()
    for call, *facts in ((fails,), (done.append, 1), (fails,), (done.append, 2), (last.set,)):
        gathered.put(call, *facts)

    await asyncio.wait_for(last.wait(), WAIT)

    assert done == [1, 2]
    assert [str(about["exception"]) for about in reported] == ["a fault", "a fault"]


async def test_whoever_reads_gets_no_fault_of_what_waited(gathered: Gathered) -> None:
    done: list[int] = []
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: reported.append(about))
    gathered.put(fails)
    gathered.put(done.append, 1)

    gathered.settle()

    assert done == [1]
    assert [about["message"] for about in reported] == ["fails failed"]


async def test_what_was_done_for_a_reader_is_not_done_by_the_clock_again(
    gathered: Gathered, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def later(_: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        timers.append(loop.call_at(loop.time() + 3600.0, call))
        return timers[-1]

    monkeypatch.setattr(loop, "call_later", later)
    gathered.put(list[int]().clear)

    gathered.settle()

    assert [timer.cancelled() for timer in timers] == [True]


async def test_at_the_end_all_of_it_is_done(gathered: Gathered) -> None:
    done: list[int] = []
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    gathered.put(fails)
    gathered.put(done.append, 1)

    await gathered.close()

    assert done == [1]
