"""Which tools the model is offered, and when none."""

from __future__ import annotations

import json

import pytest
from mcp_pretend import Pretend, World, offered, outputs, plugin, server, tool

from codexplus_core.testing import Harness, call, status, text
from codexplus_mcp.connection import Status


async def test_tools_are_known_at_once_after_a_restart_and_their_server_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Pretend(server(), [tool("echo", "says it")])
    World(one).install(monkeypatch)
    async with Harness({"mcp": plugin()}, script=[text("a")]) as first:
        await first.say("go")
    one.status = Status("idle")

    second = Harness({"mcp": plugin()}, script=[text("b")])
    second.app.store = first.app.store
    second.app.core.store = first.app.core.store
    async with second as proxy:
        await proxy.say("go")

    assert one.listed == 1
    assert "mcp__s__echo" in offered(proxy)


async def test_the_users_server_is_known_in_a_new_project_and_one_that_says_nothing_of_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there, theirs = (
        Pretend(server(digest=digest, kin=kin), [tool("echo", "says it")])
        for digest, kin in (("here", "entry"), ("there", "entry"), ("theirs", ""))
    )
    World(here).install(monkeypatch)
    async with Harness({"mcp": plugin()}, script=[text("a")]) as first:
        await first.say("go")

    for other in (there, theirs):
        World(other).install(monkeypatch)
        following = Harness({"mcp": plugin()}, script=[text("b")])
        following.app.store = first.app.store
        following.app.core.store = first.app.core.store
        async with following as proxy:
            await proxy.say("go")
        assert "mcp__s__echo" in offered(proxy)

    assert (there.listed, theirs.listed) == (0, 1)


async def test_nobodys_calls_are_looked_at_before_a_tool_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.install(monkeypatch)
    script = [text("none"), call("mcp__s__echo", {"text": "hi"}), text("done")]

    async with Harness({"mcp": plugin()}, script=script) as proxy:
        await proxy.say("go")
        before = proxy.app.dispatcher.has("on_tool_use")
        world.by_name["s"] = Pretend(server(), [tool("echo")])
        reply = await proxy.say("now")

    assert not before
    assert outputs(proxy) == ["echo: hi"]
    assert reply.text == "done"


async def test_without_servers_a_request_goes_up_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    World().install(monkeypatch)

    async with Harness({"mcp": plugin()}, script=[text("hello")]) as proxy:
        request = proxy.codex.say("go")
        await proxy.send(request)

    assert proxy.upstream.turns[0].raw == request.body


@pytest.mark.parametrize("version", ["0.120.0", "0.169.0"])
async def test_where_codex_has_the_gateway_its_requests_get_no_tools(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    World(Pretend(server(), [tool("echo")])).install(monkeypatch)

    async with Harness({"mcp": plugin()}, script=[text("a"), text("b")], codex=version, auth="api") as proxy:
        request = proxy.codex.say("go")
        body = json.loads(request.body)
        if version == "0.120.0":
            body["tools"].append({"type": "function", "name": "mcp__codexplus__s__echo", "parameters": {}})
        else:
            words = "<tools>\nDeferred tool namespaces:\n- mcp__codexplus: Tools of the user's MCP servers.\n</tools>"
            part = {"type": "input_text", "text": words}
            body["input"].insert(1, {"type": "message", "role": "developer", "content": [part]})
        await proxy.request(request.method, request.path, request.headers, json.dumps(body).encode())

    assert "mcp__s__echo" not in offered(proxy)


async def test_many_tools_are_searched_and_called_by_one_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Pretend(server(), [tool(f"t{number}", f"number {number} " + "x" * 2000) for number in range(60)])
    World(one).install(monkeypatch)
    script = [
        call("mcp__codexplus__search_tools", {"query": "t17"}),
        call("mcp__codexplus__call_tool", {"name": "mcp__s__t17", "arguments": {"text": "hi"}}),
        call("mcp__codexplus__call_tool", {"name": "mcp__s__nope", "arguments": {}}),
        text("done"),
    ]

    async with Harness({"mcp": plugin()}, script=script) as proxy:
        await proxy.say("go")

    assert offered(proxy) == [
        "mcp__codexplus__search_tools", "mcp__codexplus__call_tool", "mcp__codexplus__read_output",
    ]  # fmt: skip
    found, answered, unknown = outputs(proxy)
    assert json.loads(found.splitlines()[0])["name"] == "mcp__s__t17"
    assert answered == "t17: hi"
    assert "no such tool" in unknown
    assert one.calls == [("t17", {"text": "hi"})]


async def test_tools_that_the_backend_refuses_are_left_out_of_the_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    World(Pretend(server(), [tool("echo")])).install(monkeypatch)
    script = [status(400, {"error": {"message": "Unknown tool"}}), text("fine")]

    async with Harness({"mcp": plugin()}, script=script) as proxy:
        await proxy.say("go")
        reply = await proxy.say("again")

    assert "mcp__s__echo" in offered(proxy, 0)
    assert offered(proxy, 1) == []
    assert "codex-plus init --mcp" in reply.body.decode()
    assert proxy.log.events("mcp_tools_refused")


async def test_once_accepted_a_later_refusal_of_something_else_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    World(Pretend(server(), [tool("echo")])).install(monkeypatch)
    script = [text("fine"), status(400, {"error": {"message": "too long"}}), text("fine")]

    async with Harness({"mcp": plugin()}, script=script) as proxy:
        for words in ("one", "two", "three"):
            await proxy.say(words)

    assert "mcp__s__echo" in offered(proxy, 2)
