"""How often a server's word counts that its lists have changed."""

from __future__ import annotations

import asyncio

import pytest

from codexplus_mcp.changes import Changes


async def heard(told: list[str], count: int) -> None:
    async with asyncio.timeout(20):
        while len(told) < count:
            await asyncio.sleep(0)


@pytest.mark.abuse("G17")
async def test_a_flood_is_one_change_at_once_and_one_behind_it() -> None:
    told: list[str] = []
    changes = Changes(told.append, every=0.01)

    for _ in range(1000):
        changes.said("tools")
        changes.said("prompts")

    assert told == ["tools", "prompts"]
    await heard(told, 4)
    assert sorted(told[2:]) == ["prompts", "tools"]
    changes.close()


async def test_a_new_connection_is_told_at_once_each_time_and_a_closed_one_says_nothing_more() -> None:
    told: list[str] = []
    changes = Changes(told.append, every=0.0)

    changes.said("")
    changes.said("")
    changes.said("tools")
    changes.said("tools")
    changes.close()
    for _ in range(10):
        await asyncio.sleep(0)

    assert told == ["", "", "tools"]
