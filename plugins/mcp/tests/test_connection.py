"""One server in use: its lists, its calls, and how both are bounded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from mcp_world import BOUND, Place, odd, text_of, until

from codexplus_mcp.failure import ServerSaid, TooSlow, Unavailable


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


async def test_lists_are_asked_for_once_and_again_when_the_server_says_so(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        before = await connection.list_tools()
        same = await connection.list_tools()
        generation = connection.generation
        await text_of(connection, "more")
        await until(lambda: connection.generation != generation)
        after = await connection.list_tools()

    assert same is before
    assert [tool.name for tool in after] == [*(tool.name for tool in before), "another"]


async def test_what_a_server_does_not_have_is_not_asked_for(place: Place) -> None:
    place.mine(odd=odd("nothing"))
    async with place.connections() as connections:
        connection = connections.get(place.server())

        assert await connection.list_tools() == ()
        assert await connection.list_resources() == ()
        assert await connection.list_resource_templates() == ()
        assert await connection.list_prompts() == ()


@pytest.mark.abuse("G17")
@pytest.mark.parametrize(("how", "count"), [("endless", 2000), ("circle", 2)])
async def test_an_endless_list_ends(place: Place, how: str, count: int) -> None:
    place.mine(odd=odd(how))
    async with place.connections() as connections, asyncio.timeout(BOUND):
        assert len(await connections.get(place.server()).list_tools()) == count


async def test_an_error_of_the_protocol_comes_in_plain_words_and_is_no_failure(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        for _ in range(5):
            with pytest.raises(ServerSaid) as caught:
                await connection.read_resource("x://y")

        assert str(caught.value) == "MCP server odd: answered with an error: Method [31m not found"
        assert caught.value.code == -32601
        assert await text_of(connection, "echo") == "{}"


async def test_a_malformed_result_is_the_servers_fault_and_only_this_calls(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        with pytest.raises(ServerSaid, match="malformed"):
            await connection.call_tool("wrong")

        assert await text_of(connection, "echo") == "{}"
        assert connection.status.starts == 1


async def test_a_cancelled_call_is_cancelled_at_the_server_and_no_other(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        slow = asyncio.create_task(connection.call_tool("slow"))
        other = asyncio.create_task(connection.call_tool("slow", timeout=BOUND))
        await text_of(connection, "echo")
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        _, cancelled = json.loads(await text_of(connection, "asked"))
        other_done = other.done()
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)

    assert slow.cancelled() and not other_done
    assert len(cancelled) == 1


async def test_a_slow_call_is_told_to_stop_and_the_server_goes_on(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()

        with pytest.raises(TooSlow, match=r"within 0\.05 s"):
            await connection.call_tool("slow", timeout=0.05)

        _, cancelled = json.loads(await text_of(connection, "asked"))
        assert len(cancelled) == 1
        assert connection.status.starts == 1


async def test_the_entrys_own_timeout_counts(place: Place) -> None:
    place.mine(odd=odd(timeout=0.05))
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        with pytest.raises(TooSlow):
            await connection.call_tool("slow")


@pytest.mark.abuse("G17")
async def test_a_flood_of_messages_holds_up_nobody_and_is_survived(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        loop = asyncio.get_running_loop()
        flood = asyncio.create_task(text_of(connection, "flood"))
        longest, last = 0.0, loop.time()
        while not flood.done():
            await asyncio.sleep(0)
            longest, last = max(longest, loop.time() - last), loop.time()

        assert await flood == "{}"
        assert longest < 5.0
        assert await text_of(connection, "echo") == "{}"


@pytest.mark.abuse("G17")
async def test_a_message_without_end_is_not_kept(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()

        with pytest.raises(Unavailable, match="more than 16 MB"):
            await connection.call_tool("huge", timeout=BOUND)

        assert await text_of(connection, "echo") == "{}"
        assert connection.status.starts == 2


@pytest.mark.abuse("G15", "G16")
async def test_sampling_roots_and_elicitation_are_declined(place: Place) -> None:
    place.mine(odd=odd("asks"))
    async with place.connections() as connections:
        connection = connections.get(place.server())
        asked: list[str] = []

        async with asyncio.timeout(BOUND):
            while len(asked) < 3:
                asked, _ = json.loads(await text_of(connection, "asked"))

    assert len(asked) == 3 and "granted" not in asked
