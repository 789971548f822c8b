"""What the user is asked about a project's server: all that decides, and nothing secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp_world import Place, odd

from codexplus_core import Exchange, LocalReply, hookimpl
from codexplus_core.services.approvals.proposal import digest
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.testing import Harness
from codexplus_mcp.connections import Connections
from codexplus_mcp.failure import Unavailable
from codexplus_mcp.trust import allow, everything_asked, proposed


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


def shared(place: Place, **entries: Any) -> None:
    place.write("project/.mcp.json", {"mcpServers": entries})


@pytest.mark.abuse("B04", "B20")
def test_the_question_names_the_command_its_program_and_its_variables_as_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared(place, s={"command": "env", "args": ["-i", "${T:-x}"], "env": {"A": "b"}, "permissions": ["net"]})

    found = proposed(place.server("s"))

    assert (found.kind, found.scope, found.title) == ("run", "project", "MCP server s")
    assert found.text == "env -i '${T:-x}'"
    assert (found.source, found.project) == (".mcp.json", place.project)
    assert (
        found.programs[0][0] == "env" and Path(found.programs[0][1]).is_absolute() and len(found.programs[0][2]) == 64
    )
    assert (found.permissions, found.env, found.env_names) == (("net",), (("A", "b"),), ("A",))


def test_files_of_the_project_that_a_server_runs_are_part_of_the_answer(place: Place) -> None:
    script = place.write("project/server.py", "print(1)")
    shared(place, s={"command": sys.executable, "args": ["server.py"]})
    before = proposed(place.server("s"))
    script.write_text("print('evil')")

    after = proposed(place.server("s"))

    assert str(script) in [path for _, path, _ in before.programs]
    assert digest(before) != digest(after)


def test_a_remote_server_is_asked_about_with_its_headers(place: Place) -> None:
    entry = {"type": "http", "url": "https://x/mcp", "headers": {"X-Team": "a"}, "oauth": {"clientId": "c"}}
    shared(place, s=entry)

    found = proposed(place.server("s"))

    assert found.kind == "connect"
    assert found.text == "connect to https://x/mcp (http); with headers X-Team: a; sign-in {'clientId': 'c'}"


@pytest.mark.abuse("B05")
@pytest.mark.parametrize(
    "change",
    [
        {"args": ["--evil"]},
        {"env": {"NODE_OPTIONS": "x"}},
        {"permissions": ["net"]},
        {"type": "http", "url": "https://evil/", "command": ""},
    ],
)
def test_every_change_asks_again(place: Place, change: dict[str, Any]) -> None:
    entry = {"command": "env", "args": ["a"], "env": {"A": "b"}}
    shared(place, s=entry)
    before = digest(proposed(place.server("s")))
    changed = {name: value for name, value in {**entry, **change}.items() if value != ""}
    shared(place, s=changed)

    assert digest(proposed(place.server("s"))) != before


def test_what_fetches_its_code_is_said_to(place: Place) -> None:
    shared(place, s={"command": "npx -y some-server"})

    found = proposed(place.server("s"))

    assert found.text == "npx -y some-server"
    assert any("from the network" in note for note in found.notes)


async def test_what_nobody_may_use_is_not_asked_about(place: Place) -> None:
    place.mine(s={"command": "x"})
    (server,) = place.found(deniedMcpServers=["s"])

    with pytest.raises(Unavailable, match=r"MCP server s: is not among the servers"):
        await allow(place.keeper.core, server)


def test_everything_that_a_project_asks_is_known_without_a_proxy(place: Place) -> None:
    shared(place, a={"command": "env"}, b={"url": "https://x"})
    place.mine(mine={"command": "env"})

    assert [found.title for found in everything_asked(place.project)] == ["MCP server a", "MCP server b"]


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_the_question_stands_in_the_conversation_and_a_yes_starts_it_once(
    place: Place, transport: Any, tmp_path: Path
) -> None:
    shared(place, odd=odd())

    class Asks:
        connections: Any = None
        said = ""

        @hookimpl
        def on_startup(self, core: Any) -> None:
            self.connections = Connections(core)

        @hookimpl
        async def on_request(self, exchange: Exchange) -> LocalReply | None:
            if exchange.prompt is None or not exchange.prompt.startswith("use"):
                return None
            server = place.server()
            question = await self.connections.trust.require(exchange, [server])
            if question is not None:
                return question  # type: ignore[no-any-return]
            result = await self.connections.get(server).call_tool("echo", {"x": exchange.prompt})
            return LocalReply(result.content[0].text)

    asks = Asks()
    harness = Harness([asks], config=place.config(), approvals=Approvals(), transport=transport, cwd=str(place.project))
    async with harness as proxy:
        question = await proxy.say("use it")
        answer = await proxy.say("y")
        again = await proxy.say("use more")
        await asks.connections.close()

    assert "`MCP server odd` wants to run" in question.text
    assert json.loads(answer.text) == {"x": "use it"}
    assert json.loads(again.text) == {"x": "use more"}
