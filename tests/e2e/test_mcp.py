"""MCP tools with the real Codex: in the model's requests, and as Codex's own through the gateway."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from e2e.codex import NEWEST, Codex, Transport
from e2e.mcp_seen import gateway, seen
from e2e.proxies import ProxyProcess, codex_plus
from e2e.said import calls_in, tool_names
from e2e.test_tui import SETTINGS, calm
from mcp_world import Place

from codexplus_core.testing import call, custom_call, text
from codexplus_core.testing.reply import Received
from codexplus_core.testing.script import Answer

pytestmark = pytest.mark.e2e

SERVER = Path(__file__).parents[1] / "compat/mcp/srv.py"
SHELF = Path(__file__).parents[2] / "plugins/mcp/tests/shelf_server.py"
GATEWAY = "- mcp__codexplus"
WAYS: tuple[tuple[str, Transport], ...] = (
    (NEWEST, "websocket"), (NEWEST, "http"), ("0.120.0", "websocket"), ("0.98.0", "http"), ("0.60.1", "http"),
)  # fmt: skip


async def two_servers(running: ProxyProcess, one: Codex) -> None:
    """Two servers of the user's own, whose tools may be called and are known."""
    state = running.home / ".codexplus"
    state.mkdir(mode=0o700, exist_ok=True)
    entries = {name: {"command": sys.executable, "args": ["-I", str(SERVER)]} for name in ("one", "two")}
    (state / "mcp.json").write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")
    rules = {"permissions": {"allow": ["mcp__one", "mcp__two"]}}
    (state / "settings.json").write_text(json.dumps(rules), encoding="utf-8")
    for name in ("mcp.json", "settings.json"):
        (state / name).chmod(0o600)
    await seen(running, one.project, "one__echo", "two__two")


@pytest.mark.req("M4")
@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_a_turn_calls_tools_of_two_servers_and_a_resumed_one_knows_and_calls_again(
    version: str, transport: Transport, codex, upstream, proxy
) -> None:
    running = await proxy("mcp")
    one = codex(version).point_at(running.url)
    await two_servers(running, one)
    space = "functions" if version == NEWEST else None

    def both(words: str) -> Answer:
        return call("mcp__one__echo", {"text": words}, namespace=space) + call("mcp__two__two", {}, namespace=space)

    upstream.script = [both("hi"), text("Both answered."), both("again"), text("They did again.")]

    ran = await one.exec("ask both", json=True)
    again = await one.resume("once more", json=True)

    assert ran.messages == ["Both answered."]
    assert again.messages == ["They did again."]
    asked, answered, resumed, later = upstream.turns
    for got in (asked, resumed):
        assert {"mcp__one__echo", "mcp__two__two"} <= set(tool_names(got))
    first = ['{"result":"ECHO:hi"}', "FIRST"]
    assert [outputs_in(got) for got in (asked, answered, resumed)] == [[], first, first]
    assert outputs_in(later) == [*first, '{"result":"ECHO:again"}', "FIRST"]
    # Codex has neither the calls nor the answers: what it keeps of the session is its own.
    kept = "".join(path.read_text(encoding="utf-8") for path in (one.home / ".codex/sessions").rglob("*.jsonl"))
    assert "Both answered." in kept
    assert "ECHO:" not in kept


def outputs_in(got: Received) -> list[str]:
    """What the model is told that tools answered."""
    return [words for kind, words in calls_in(got) if kind == "function_call_output"]


@pytest.mark.req("M4")
@pytest.mark.parametrize(("version", "transport"), [WAYS[0], WAYS[2]])
async def test_codex_shows_the_gateways_calls_as_its_own(
    version: str, transport: Transport, codex, upstream, proxy
) -> None:
    running = await proxy("mcp")
    one = codex(version)
    await two_servers(running, one)
    done = await codex_plus(one, "init", "--yes", "--mcp", "--port", str(running.port))
    assert done.code == 0, done
    if version == NEWEST:
        program = 'const r = await tools.mcp__codexplus__one__echo({text: "hi"}); text(JSON.stringify(r));'
        upstream.script = [custom_call("exec", program), text("It answered.")]
    else:
        upstream.script = [call("mcp__codexplus__one__echo", {"text": "hi"}), text("It answered.")]

    ran = await one.exec("ask it", json=True)
    undone = await codex_plus(one, "init", "--undo")

    assert ran.messages == ["It answered."]
    items = [event["item"] for event in ran.events if event.get("type") == "item.completed"]
    (shown,) = [item for item in items if item["type"] == "mcp_tool_call"]
    assert (shown["server"], shown["tool"], shown["status"]) == ("codexplus", "one__echo", "completed")
    assert shown["result"]["content"] == [{"type": "text", "text": '{"result":"ECHO:hi"}'}]
    # Codex has them, so nothing is added to its requests.
    assert "mcp__one__echo" not in tool_names(upstream.turns[0])
    assert "restored" in undone.stdout


@pytest.mark.req("M4")
async def test_a_first_turn_waits_neither_for_the_gateways_list_nor_for_a_slow_server_and_says_so(
    codex, upstream, proxy
) -> None:
    running = await proxy("mcp")
    one = codex(NEWEST)
    slow = f"import time; time.sleep(12); exec(compile(open({str(SERVER)!r}).read(), 'srv', 'exec'))"
    Place(one.home, running.home).mine(slow={"command": sys.executable, "args": ["-I", "-c", slow]})
    assert (await codex_plus(one, "init", "--yes", "--mcp", "--port", str(running.port))).code == 0
    upstream.script = [text("I am here."), text("Still here.")]

    ran = await one.exec("hello", json=True)
    await seen(running, one.project, "slow__echo")
    again = await one.resume("and now?", json=True)

    # Codex sends the first request while it still waits for the list; with a later one the model has the gateway.
    assert [GATEWAY in json.dumps(got.body) for got in upstream.turns] == [False, True]
    told = "The MCP server `slow` is still starting; its tools come with a later prompt."
    assert (ran.messages, again.messages) == ([told, "I am here."], ["Still here."])


@pytest.mark.req("M4", "M5")
async def test_the_model_reads_resources_through_the_gateway(codex, upstream, proxy) -> None:
    running = await proxy("mcp")
    one = codex(NEWEST)
    Place(one.home, running.home).mine(
        shelf={"command": sys.executable, "args": ["-I", str(SHELF), str(one.home / "asked.jsonl")]}
    )
    assert (await codex_plus(one, "init", "--yes", "--mcp", "--port", str(running.port))).code == 0
    program = (
        "text(JSON.stringify(await tools.list_mcp_resources({})));"
        'text(JSON.stringify(await tools.read_mcp_resource({server: "codexplus", uri: "shelf:issue://ENG-123"})));'
    )
    # As long as the gateway's list is not there, Codex itself says that there are no resources.
    await gateway(running, one.project, "tools/list")
    upstream.script = [custom_call("exec", program), text("I have read it.")]

    ran = await one.exec("read it", json=True)

    items = [event["item"] for event in ran.events if event.get("type") == "item.completed"]
    listed, read = [item for item in items if item["type"] == "mcp_tool_call"]
    assert "shelf:issue://ENG-123" in str(listed["result"])
    assert "ISSUE-TEXT line1" in str(read["result"])
    assert ran.messages == ["I have read it."]


@pytest.mark.req("M4")
async def test_the_terminal_lists_the_gateway_and_shows_its_calls(codex, upstream, proxy, tui) -> None:
    running = await proxy("mcp")
    one = codex(NEWEST)
    await two_servers(running, one)
    one.configure(SETTINGS)
    assert (await codex_plus(one, "init", "--yes", "--mcp", "--port", str(running.port))).code == 0
    program = (
        'text(JSON.stringify(await tools.mcp__codexplus__one__echo({text: "hi"})));'
        "text(JSON.stringify(await tools.mcp__codexplus__two__two({})));"
    )
    upstream.script = [custom_call("exec", program), text("Both answered.")]
    screen = await tui(one)

    await screen.say("/mcp")
    listed = await screen.shows("• codexplus: connected (19 tools)")
    await screen.say("ask both")
    shown = await screen.shows("• Both answered.")

    assert calm(listed)
    assert calm(shown)
    for line in ("• Called codexplus.one__echo", '└ {"result":"ECHO:hi"}', "• Called codexplus.two__two", "└ FIRST"):
        assert line in shown


@pytest.mark.req("M5", "M8")
async def test_the_terminal_shows_which_server_a_prompt_waits_for(codex, upstream, proxy, tui) -> None:
    running = await proxy("mcp")
    one = codex(NEWEST).point_at(running.url)
    place = Place(one.home, running.home)
    place.mine(hangs={"command": sys.executable, "args": ["-I", str(SHELF), str(one.home / "asked.jsonl"), "late"]})
    place.write("home/.codexplus/settings.json", {"mcp": {"tools": "gateway", "startTimeout": 8}})
    one.configure(SETTINGS)
    upstream.script = [text("Without it, then.")]
    screen = await tui(one)

    await screen.say("look at @hangs:issue://ENG-123 please")
    await screen.shows("waiting for the MCP server hangs")
    await screen.shows("• Without it, then.")

    assert "did not answer within 8 s" in json.dumps(upstream.turns[-1].body)
