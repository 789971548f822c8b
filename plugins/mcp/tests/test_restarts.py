"""Servers that die and come back, or rest."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from mcp_world import Place, odd, pids_of, text_of, until

from codexplus_mcp.breaker import Breaker
from codexplus_mcp.failure import Unavailable

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


@pytest.mark.req("M8")
async def test_a_server_that_dies_in_a_call_is_told_and_the_next_call_starts_it_again(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()

        with pytest.raises(Unavailable, match=r"ended with code 3, saying: out of luck.*the next call starts it again"):
            await connection.call_tool("die")

        assert await text_of(connection, "echo") == "{}"
        assert connection.status.starts == 2


@linux
async def test_a_server_killed_while_nobody_looked_is_started_for_the_next_call(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        (pid,) = await pids_of(connection)
        os.kill(pid, 9)
        await until(lambda: connection.status.state != "connected")

        assert await text_of(connection, "echo") == "{}"
        assert connection.status.starts == 2


@pytest.mark.req("M8")
async def test_after_three_failures_it_rests_a_probe_finds_out_and_nobody_waits_meanwhile(place: Place) -> None:
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    place.mine(odd=odd())
    clock = Clock()
    async with place.connections() as connections:
        connection = connections.get(place.server())
        connection.breaker = Breaker(clock=clock)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await connection.call_tool("die")
        starts = connection.status.starts
        with pytest.raises(Unavailable, match=r"rests after 3 failures, for another 60 s; the last one: .*code 3"):
            await connection.call_tool("echo")
        resting = connection.status
        clock.now = 60.0

        assert (resting.state, resting.retry_in, resting.starts) == ("resting", 60.0, starts)
        assert await text_of(connection, "echo") == "{}"
        assert connection.status.state == "connected" and not connection.breaker.is_open


async def test_a_server_that_comes_up_well_and_dies_of_every_call_rests_too(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        for _ in range(3):
            await connection.connect()
            with pytest.raises(Unavailable):
                await connection.call_tool("die")

        with pytest.raises(Unavailable, match="rests"):
            await connection.connect()


async def test_several_who_lose_the_same_server_are_one_failure(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        waiting = [asyncio.create_task(connection.call_tool("slow")) for _ in range(5)]
        await text_of(connection, "echo")
        with pytest.raises(Unavailable):
            await connection.call_tool("die")
        lost = await asyncio.gather(*waiting, return_exceptions=True)

        assert {type(each) for each in lost} == {Unavailable}
        assert not connection.breaker.is_open
