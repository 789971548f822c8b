"""What runs beside the requests is reported where it fails, and goes on."""

from __future__ import annotations

import asyncio

from codexplus_core.testing.harness import Log
from codexplus_enterprise.beside import Beside

WAIT = 60.0


class Failing:
    """A loop that fails so many times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.rounds = 0
        self.well = asyncio.Event()

    async def __call__(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.rounds += 1
            if self.left:
                self.left -= 1
                raise RuntimeError("no good")
            self.well.set()


async def test_a_loop_that_fails_is_reported_once_and_goes_on() -> None:
    log, loop = Log(), Failing(3)
    beside = Beside(loop, log=log, name="looking")

    beside.start()
    async with asyncio.timeout(WAIT):
        await loop.well.wait()
    await beside.end()

    assert log.events("task_failed") == [{"task": "looking", "error": "RuntimeError"}]


async def test_after_its_end_nothing_runs_any_more() -> None:
    loop = Failing(0)
    beside = Beside(loop, log=Log(), name="looking")
    beside.start()
    async with asyncio.timeout(WAIT):
        await loop.well.wait()

    await beside.end()
    rounds = loop.rounds
    for _ in range(5):
        await asyncio.sleep(0)

    assert loop.rounds == rounds


async def test_an_end_before_the_beginning_does_nothing() -> None:
    await Beside(Failing(0), log=Log(), name="looking").end()
