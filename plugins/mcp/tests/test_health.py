"""How servers are looked at: each in its own time, one that hangs keeps nobody waiting for long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp_world import BOUND, Place, odd

from codexplus_mcp.breaker import Breaker
from codexplus_mcp.failure import Unavailable
from codexplus_mcp.health import CHECK_S, look, patience, rows_of
from codexplus_mcp.row import Row

HANGS = {"command": "sleep", "args": ["1000"]}


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


@pytest.mark.req("M7")
async def test_each_server_is_told_as_soon_as_it_is_known_and_one_that_hangs_comes_last(place: Place) -> None:
    place.mine(hangs=HANGS, broken={"comand": "x"}, good=odd())
    rows: list[Row] = []

    async with asyncio.timeout(BOUND), place.connections() as connections:
        async for row in rows_of(place.keeper.core, connections, place.found(), seconds=20.0):
            rows.append(row)
            if row.name == "good":
                break

    # The one that hangs was never waited for.
    assert [(row.name, row.state) for row in rows] == [("broken", "broken"), ("good", "connected")]


async def test_who_does_not_answer_in_time_is_said_to_and_how_to_wait_longer(place: Place) -> None:
    place.mine(hangs=HANGS)

    async with asyncio.timeout(BOUND), place.connections() as connections:
        (row,) = (await look(place.keeper.core, connections, place.found(), seconds=0.2)).rows

    assert row.label == "✘ No answer within 0.2 s"
    assert f"{row.purpose} {row.todo}" == "wait longer with codex-plus mcp get hangs --timeout 60"


async def test_a_server_that_rests_says_once_for_how_long_after_what_and_names_no_log(place: Place) -> None:
    place.mine(gone={"command": "/no/such/program"})

    async with asyncio.timeout(BOUND), place.connections() as connections:
        connection = connections.get(place.server("gone"))
        connection.breaker = Breaker(clock=lambda: 0.0)
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await connection.connect()
        (row,) = (await look(place.keeper.core, connections, place.found())).rows

    why = "/no/such/program: no such program; check the path"
    assert row.label == f"✘ Resting for another 60 s after 3 failures; the last one: {why}"
    assert str(caught.value) == f"MCP server gone: could not be started: {why}"
    assert f"[codex-plus] could not be started: {why}" in Path(row.log).read_text(encoding="utf-8").splitlines()


async def test_a_server_that_is_not_there_is_not_said_to_have_been_started(place: Place) -> None:
    place.mine(far={"type": "http", "url": "http://127.0.0.1:9/mcp"}, gone={"command": "false"})

    async with asyncio.timeout(BOUND), place.connections() as connections:
        far, gone = (await look(place.keeper.core, connections, place.found())).rows
        with pytest.raises(Unavailable, match="MCP server far: could not be connected to: it could not be reached"):
            await connections.get(place.server("far")).connect()

    assert far.label == "✘ Failed to connect — it could not be reached"
    assert gone.label.startswith("✘ Failed to connect — it ended with code 1")


async def test_the_list_keeps_the_order_of_the_settings(place: Place) -> None:
    place.mine(hangs=HANGS, good=odd(), gone={"command": "/nonexistent/x"})

    async with asyncio.timeout(BOUND), place.connections() as connections:
        found = await look(place.keeper.core, connections, place.found(), seconds=0.5)

    assert [row.name for row in found.rows] == ["hangs", "good", "gone"]


@pytest.mark.parametrize(
    ("settings", "env", "wanted", "seconds"),
    [
        ({}, {}, None, CHECK_S),
        ({}, {"MCP_TIMEOUT": "2500"}, None, 2.5),
        ({}, {"MCP_TIMEOUT": "soon"}, None, CHECK_S),
        ({}, {"MCP_TIMEOUT": "nan"}, None, CHECK_S),
        ({}, {"MCP_TIMEOUT": "-1"}, None, CHECK_S),
        ({"mcp": {"startTimeout": 7}}, {"MCP_TIMEOUT": "2500"}, None, 7.0),
        ({"mcp": {"startTimeout": 7}}, {"MCP_TIMEOUT": "2500"}, 3.0, 3.0),
        ({"mcp": {"startTimeout": True}}, {}, None, CHECK_S),
        ({"mcp": {"startTimeout": 1e9}}, {}, None, 600.0),
    ],
)
async def test_how_long_a_listing_waits(
    place: Place, settings: dict[str, Any], env: dict[str, str], wanted: float | None, seconds: float
) -> None:
    async with place.connections(**settings):
        assert patience(place.keeper.core, env, wanted) == seconds
