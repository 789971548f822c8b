"""Servers on this machine: when they start, with what, and what a start that fails says."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp_world import ODD, Place, odd, text_of

from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_mcp.failure import NotAllowed, Unavailable

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


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
