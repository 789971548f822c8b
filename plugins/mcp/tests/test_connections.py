"""Servers on this machine: gone in the end, one connection for one entry, and a log without secrets."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from mcp_world import BOUND, Place, odd, pids_of, text_of, until
from processes import alive

from codexplus_mcp.connections import Connections
from codexplus_mcp.failure import Unavailable

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


@linux
@pytest.mark.parametrize("how", ["children", "stubborn"])
async def test_in_the_end_nothing_is_left(place: Place, how: str) -> None:
    place.mine(odd=odd(how))
    async with place.connections() as connections:
        pids = await pids_of(connections.get(place.server()))
        async with asyncio.timeout(BOUND):
            await connections.close()

    assert pids
    await until(lambda: not any(alive(pid) for pid in pids))


@linux
async def test_a_closed_connection_says_so_and_starts_nothing(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        await connection.close()

        with pytest.raises(Unavailable, match="was closed"):
            await connection.connect()
        assert connection.status.state == "closed"


@linux
async def test_closing_while_it_starts_leaves_nothing(place: Place) -> None:
    place.mine(odd=odd("late"))
    async with place.connections() as connections:
        connection = connections.get(place.server())
        asking = asyncio.create_task(connection.connect())
        await until(lambda: connection._life._opening is not None and place.keeper.seen)
        async with asyncio.timeout(BOUND):
            await connections.close()
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)

    assert isinstance(outcome, Unavailable | asyncio.CancelledError)


@linux
async def test_closing_while_a_list_is_asked_for_starts_nothing_again(place: Place) -> None:
    place.mine(odd=odd("mute"))
    async with place.connections() as connections:
        connection = connections.get(place.server())
        await connection.connect()
        asking = asyncio.create_task(connection.list_tools())
        await until(lambda: connection._life._in_use)
        async with asyncio.timeout(BOUND):
            await connections.close()
            (outcome,) = await asyncio.gather(asking, return_exceptions=True)

        assert isinstance(outcome, Unavailable) and "was closed" in str(outcome)
        assert (connection.status.state, connection.status.starts) == ("closed", 1)


@linux
async def test_an_entry_that_was_changed_is_another_server_and_the_old_one_ends(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        before = connections.get(place.server())
        (pid,) = await pids_of(before)
        place.mine(odd=odd(env={"NEW": "1"}))
        after = connections.get(place.server())
        said = await text_of(after, "echo")
        await until(lambda: not alive(pid))

    assert after is not before and said == "{}"


@linux
async def test_a_program_that_nobody_uses_is_ended_and_comes_back(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections(mcp={"idleSeconds": 0.05}) as connections:
        connection = connections.get(place.server())
        (pid,) = await pids_of(connection)
        await until(lambda: connection.status.state == "idle" and not alive(pid))

        assert await text_of(connection, "echo") == "{}"


async def test_connections_that_do_nothing_do_not_add_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codexplus_mcp.connections.MOST", 3)
    place.mine(**{f"s{number}": odd(str(number)) for number in range(8)})
    async with place.connections() as connections:
        used = connections.get(place.server("s0"))
        await text_of(used, "echo")
        for number in range(1, 8):
            connections.get(place.server(f"s{number}"))

        kept = [number for number in range(8) if connections.known(place.server(f"s{number}")) is not None]

        assert kept == [0, 6, 7]
        assert connections.get(place.server("s0")) is used


async def test_the_same_server_is_one_connection(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        assert connections.known(place.server()) is None
        first = connections.get(place.server())

        assert connections.get(place.server()) is first is connections.known(place.server())


async def test_the_log_holds_what_the_server_said_without_its_secrets(place: Place) -> None:
    entry = odd("dies", env={"TOKEN": "very-secret-token"})
    place.mine(odd=entry)
    async with place.connections() as connections:
        connection = connections.get(place.server())
        with pytest.raises(Unavailable):
            await connection.connect()
        log = Path(connection.status.log)

    assert "no licence" in log.read_text()
    assert oct(log.stat().st_mode & 0o777) == "0o600"
    assert log.is_relative_to(place.home)


def test_nothing_of_the_mcp_package_is_imported_before_it_is_needed() -> None:
    import subprocess

    code = (
        "import sys; from codexplus_mcp import plugin, connections, settings, trust;"
        "print([n for n in ('mcp', 'mcp_types', 'httpx2', 'pydantic') if n in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=BOUND)

    assert said.stdout.strip() == "[]"


def test_connections_is_what_others_import() -> None:
    assert Connections.__doc__
