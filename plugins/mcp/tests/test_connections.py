"""Servers on this machine in use: started when needed, recovered, bounded, and gone in the end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp_world import BOUND, ODD, Place, odd

from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_mcp.breaker import Breaker
from codexplus_mcp.connection import Connection
from codexplus_mcp.connections import Connections
from codexplus_mcp.failure import NotAllowed, ServerSaid, TooSlow, Unavailable

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


async def text_of(connection: Connection, tool: str, **given: Any) -> str:
    async with asyncio.timeout(BOUND):
        result = await connection.call_tool(tool, given)
    return str(result.content[0].text)  # type: ignore[union-attr]


async def pids_of(connection: Connection) -> list[int]:
    found: list[int] = json.loads(await text_of(connection, "pids"))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(true: Any) -> None:
    async with asyncio.timeout(BOUND):
        while not true():
            await asyncio.sleep(0.01)


# -- starting


@pytest.mark.req("M1")
async def test_nothing_starts_before_the_first_call_which_starts_it(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        before = (connection.status.state, connection.capabilities, connection.instructions)
        said = await text_of(connection, "echo", a=1)

        assert before == ("idle", frozenset(), "")
        assert said == '{"a": 1}'
        assert connection.status.state == "connected"
        assert (connection.capabilities, connection.instructions) == (frozenset({"tools"}), "Be odd.")
        assert [action.kind for action in place.keeper.seen] == ["run"]


async def test_it_starts_once_for_all_who_call_at_the_same_time(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())

        said = await asyncio.gather(*(text_of(connection, "echo", n=n) for n in range(20)))

        assert [json.loads(each)["n"] for each in said] == list(range(20))
        assert connection.status.starts == 1


async def test_who_asked_first_may_go_and_the_others_are_served(place: Place) -> None:
    place.mine(odd=odd())
    async with place.connections() as connections:
        connection = connections.get(place.server())
        first = asyncio.create_task(text_of(connection, "echo"))
        second = asyncio.create_task(text_of(connection, "echo"))
        await asyncio.sleep(0)
        first.cancel()

        assert await second == "{}"
        assert first.cancelled() or first.cancelling()
        assert connection.status.starts == 1


@pytest.mark.abuse("G20", "G13")
async def test_a_server_gets_its_variables_its_directory_and_nobodys_keys(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("MINE", "from me")
    place.mine(odd=odd(env={"OWN": "1", "TAKEN": "${MINE}"}))
    monkeypatch.setattr(place, "config", lambda **_: _with_env(place, {"MINE": "from me"}))
    async with place.connections() as connections:
        env = json.loads(await text_of(connections.get(place.server()), "env"))

    assert "OPENAI_API_KEY" not in env
    assert (env["OWN"], env["TAKEN"]) == ("1", "from me")
    assert env["CLAUDE_PROJECT_DIR"] == env["cwd"] == str(place.project)


def _with_env(place: Place, env: dict[str, str]) -> Any:
    from codexplus_core.services.config import Config

    return Config(place.home, {}, env={"HOME": str(place.home), **env}, every_s=0.0)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"command": "no-such-program-here"}, "no such program"),
        (odd("dies"), "ended with code 1, saying: no licence"),
        ({"command": sys.executable, "args": ["-c", "pass"]}, "ended with code 0"),
        (odd("noise"), "something else than messages"),
        (odd("late"), "did not answer within 2 s"),
    ],
)
async def test_a_start_that_fails_says_why(place: Place, entry: dict[str, Any], why: str) -> None:
    place.mine(odd=entry)
    async with place.connections(mcp={"startTimeout": 2}) as connections:
        connection = connections.get(place.server())

        with pytest.raises(Unavailable, match="MCP server odd: could not be started") as caught:
            await connection.connect()

        assert why in str(caught.value)
        assert connection.status.state == "failed"
        assert why in connection.status.error


async def test_a_veto_holds(place: Place) -> None:
    place.mine(odd=odd())
    place.keeper.veto = "run"
    async with place.connections() as connections:
        with pytest.raises(Unavailable, match=r"may not be used \(not here\)"):
            await connections.get(place.server()).connect()


async def test_a_banner_is_forgiven(place: Place) -> None:
    place.mine(odd=odd("banner"))
    async with place.connections() as connections:
        connection = connections.get(place.server())

        assert await text_of(connection, "broken") == "{}"
        assert "Welcome" in Path(connection.status.log).read_text()


@pytest.mark.abuse("B04", "B05")
async def test_a_projects_server_starts_only_after_a_yes_to_exactly_this(place: Place, tmp_path: Path) -> None:
    place.write("project/.mcp.json", {"mcpServers": {"odd": odd()}})
    approvals = Approvals()
    async with place.connections(approvals=approvals) as connections:
        connection = connections.get(place.server())
        with pytest.raises(NotAllowed) as caught:
            await connection.list_tools()
        state = connection.status.state
        assert place.keeper.seen == []
        assert caught.value.proposal is not None
        approvals.allow_now([caught.value.proposal])
        said = await text_of(connection, "echo")

        place.write("project/.mcp.json", {"mcpServers": {"odd": odd("children")}})
        with pytest.raises(NotAllowed):
            await connections.get(place.server()).list_tools()

    assert (state, said) == ("needs approval", "{}")


async def test_a_yes_that_counts_once_lasts_while_the_server_dies_and_comes_back(place: Place) -> None:
    place.write("project/.mcp.json", {"mcpServers": {"odd": odd()}})
    approvals = Approvals()
    async with place.connections(approvals=approvals) as connections:
        connection = connections.get(place.server())
        with pytest.raises(NotAllowed):
            await connection.connect()
        (question,) = approvals.pending()
        approvals.allow(question.id)
        await connection.connect()
        with pytest.raises(Unavailable):
            await connection.call_tool("die")

        assert await text_of(connection, "echo") == "{}"
        assert connection.status.starts == 2


@linux
async def test_a_server_that_declares_permissions_runs_in_the_sandbox(place: Place, private_home: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    code = "exec(open('odd_server.py').read())"
    place.write("project/odd_server.py", ODD.read_text(encoding="utf-8"))
    entry = {"command": sys.executable, "args": ["-I", "-c", code], "permissions": ["read_repo"], "env": {"OWN": "1"}}
    place.mine(odd=entry)
    async with place.connections() as connections:
        connection = connections.get(place.server())
        env = json.loads(await text_of(connection, "env"))
        with pytest.raises(Unavailable):
            await connection.call_tool("die")

        assert await text_of(connection, "echo") == "{}"

    assert (env["OWN"], env["cwd"]) == ("1", str(place.project))
    assert env["HOME"] != str(private_home)


# -- lists


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


# -- calls


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


# -- dying and coming back


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


# -- the end


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
