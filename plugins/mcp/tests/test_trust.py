"""What the user is asked about a project's server: all that decides, and nothing secret."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp_world import BOUND, Place, odd

from codexplus_core import Exchange, LocalReply, Session, hookimpl
from codexplus_core.services.approvals.proposal import digest
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.testing import Harness, text
from codexplus_core.testing.codex import CodexClient
from codexplus_mcp.connections import Connections
from codexplus_mcp.failure import NotAllowed, Unavailable
from codexplus_mcp.plugin import Plugin
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


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_a_yes_is_for_its_session_and_says_so(place: Place, transport: Any) -> None:
    shared(place, odd=odd())
    harness = Harness(
        {"mcp": Plugin()}, config=place.config(), approvals=Approvals(), transport=transport, cwd=str(place.project),
        script=[text("a")] * 9,
    )  # fmt: skip
    async with asyncio.timeout(BOUND), harness as proxy:
        one, other = (CodexClient(cwd=str(place.project), tui=True, seed=seed) for seed in (11, 12))
        question = await proxy.send(one.say("use it"), one)
        await proxy.send(one.say("y"), one)
        known = [await proxy.send(one.say(f"go on {number}"), one) for number in range(2)]
        tools, mine = str([turn.body for turn in proxy.upstream.turns]), len(proxy.upstream.turns)
        again = await proxy.send(other.say("use it here, too"), other)
        await proxy.send(other.say("n"), other)
        await proxy.send(other.say("go on"), other)
        elsewhere = str([turn.body for turn in proxy.upstream.turns[mine:]])

    assert "(Y)es is for this session" in question.text
    assert "wants to run" not in known[0].text + known[1].text
    assert "mcp__odd__echo" in tools
    assert "`MCP server odd` wants to run" in again.text
    assert "mcp__odd__echo" not in elsewhere
    assert "Be odd." not in elsewhere


async def test_a_yes_from_a_terminal_is_for_the_first_session_that_asks(place: Place) -> None:
    shared(place, odd=odd())
    approvals = Approvals()
    async with asyncio.timeout(BOUND), place.connections(approvals=approvals) as connections:
        server, one, other = place.server(), Session("one", "one"), Session("other", "other")
        with pytest.raises(NotAllowed):
            await connections.get(server).connect()
        (question,) = approvals.pending()
        approvals.allow(question.id)
        await connections.get(server).connect()
        connections.trust.admit(server, one)
        connections.trust.admit(server, one)
        with pytest.raises(NotAllowed, match="not allowed yet"):
            connections.trust.admit(server, other)

        assert connections.trust.admits(server, one)
        assert not connections.trust.admits(server, other)


async def test_each_yes_from_a_terminal_that_counts_once_lets_one_session_in(place: Place) -> None:
    shared(place, odd=odd())
    approvals = Approvals()
    async with asyncio.timeout(BOUND), place.connections(approvals=approvals) as connections:
        server, sessions = place.server(), [Session(name, name) for name in ("one", "two", "three")]
        with pytest.raises(NotAllowed):
            await connections.get(server).connect()
        approvals.allow(approvals.pending()[0].id)
        await connections.get(server).connect()
        connections.trust.admit(server, sessions[0])
        with pytest.raises(NotAllowed):
            connections.trust.admit(server, sessions[1])
        approvals.allow(approvals.pending()[0].id)

        connections.trust.admit(server, sessions[1])
        with pytest.raises(NotAllowed):
            connections.trust.admit(server, sessions[2])

        assert [connections.trust.admits(server, one) for one in sessions] == [True, True, False]


async def test_a_sub_agent_has_the_yes_of_its_session(place: Place) -> None:
    shared(place, odd=odd())
    approvals = Approvals()
    async with asyncio.timeout(BOUND), place.connections(approvals=approvals) as connections:
        server = place.server()
        with pytest.raises(NotAllowed):
            await connections.get(server).connect()
        approvals.allow(approvals.pending()[0].id)
        await connections.get(server).connect()

        assert connections.trust.admits(server, Session("one", "main"))
        assert connections.trust.admits(server, Session("one", "sub"))


async def test_questions_about_what_is_gone_or_was_changed_are_closed(place: Place) -> None:
    shared(place, odd=odd("a"), other=odd("b"))
    approvals = Approvals()
    async with asyncio.timeout(BOUND), place.connections(approvals=approvals) as connections:

        async def asked(name: str) -> list[str]:
            with pytest.raises(NotAllowed):
                await connections.get(place.server(name)).connect()
            return [f"{one.about[0].title} {one.about[0].text[-1]}" for one in approvals.pending()]

        before = [await asked("odd"), await asked("other")][-1]
        shared(place, odd=odd("c"), other=odd("b"))
        changed = await asked("odd")
        shared(place, other=odd("b"))
        connections.trust.close_settled(place.project, place.found())
        gone = [one.about[0].title for one in approvals.pending()]
        approvals.allow_now([proposed(place.server("other"))])

        assert before == ["MCP server odd a", "MCP server other b"]
        assert changed == ["MCP server other b", "MCP server odd c"]
        assert gone == ["MCP server other"]
        assert approvals.pending() == []


async def test_a_server_whose_program_is_not_there_is_not_asked_about(place: Place) -> None:
    shared(place, gone={"command": "no-such-program"}, odd=odd())

    class Asks:
        connections: Any = None

        @hookimpl
        def on_startup(self, core: Any) -> None:
            self.connections = Connections(core)

        @hookimpl
        async def on_request(self, exchange: Exchange) -> LocalReply | None:
            return await self.connections.trust.require(exchange, tuple(place.found()))  # type: ignore[no-any-return]

    asks = Asks()
    harness = Harness([asks], config=place.config(), approvals=Approvals(), cwd=str(place.project))
    async with harness as proxy:
        question = await proxy.say("hello")
        await asks.connections.close()

    assert "`MCP server odd` wants to run" in question.text
    assert "gone" not in question.text and "no-such-program" not in question.text


async def test_a_run_that_cannot_ask_says_which_programs_are_not_there_and_what_waits(place: Place) -> None:
    shared(place, gone={"command": "no-such-program"}, odd=odd())

    async with Harness({"mcp": Plugin()}, config=place.config(), cwd=str(place.project)) as proxy:
        answer = await proxy.say("hello")

    assert "Not used: `gone` of this project: no program no-such-program is on the PATH; install it" in answer.text
    assert "Not used before you allow it: `odd` of this project (`codex-plus approvals allow" in answer.text


async def test_a_server_whose_program_is_not_there_is_said_to_lack_it(place: Place) -> None:
    shared(place, gone={"command": "no-such-program"})

    async with place.connections() as connections:
        with pytest.raises(Unavailable, match="no program no-such-program is on the PATH; install it"):
            await connections.get(place.server("gone")).connect()
