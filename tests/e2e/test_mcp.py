"""MCP tools with the real Codex: in the model's requests, and as Codex's own through the gateway."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from e2e.codex import NEWEST, Transport
from e2e.proxies import codex_plus
from e2e.said import calls_in, tool_names

from codexplus_core.testing import call, custom_call, text

pytestmark = pytest.mark.e2e

SERVER = Path(__file__).parents[1] / "compat/mcp/srv.py"
WAYS: tuple[tuple[str, Transport], ...] = (
    (NEWEST, "websocket"), (NEWEST, "http"), ("0.120.0", "websocket"), ("0.98.0", "http"),
)  # fmt: skip


def two_servers(home: Path) -> None:
    """Two servers of the user's own, whose tools may be called."""
    state = home / ".codexplus"
    state.mkdir(mode=0o700, exist_ok=True)
    entries = {name: {"command": sys.executable, "args": ["-I", str(SERVER)]} for name in ("one", "two")}
    (state / "mcp.json").write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")
    rules = {"permissions": {"allow": ["mcp__one", "mcp__two"]}}
    (state / "settings.json").write_text(json.dumps(rules), encoding="utf-8")
    for name in ("mcp.json", "settings.json"):
        (state / name).chmod(0o600)


@pytest.mark.req("M4")
@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_a_turn_calls_tools_of_two_servers_and_the_next_process_still_knows(
    version: str, transport: Transport, codex, upstream, proxy
) -> None:
    running = await proxy("mcp")
    two_servers(running.home)
    one = codex(version).point_at(running.url)
    space = "functions" if version == NEWEST else None
    both = call("mcp__one__echo", {"text": "hi"}, namespace=space) + call("mcp__two__two", {}, namespace=space)
    upstream.script = [both, text("Both answered."), text("I remember.")]

    ran = await one.exec("ask both", json=True)
    again = await one.resume("what did they say?", json=True)

    assert ran.messages == ["Both answered."]
    assert again.messages == ["I remember."]
    asked, answered, later = upstream.turns
    assert {"mcp__one__echo", "mcp__two__two"} <= set(tool_names(asked))
    outputs = [("function_call_output", '{"result":"ECHO:hi"}'), ("function_call_output", "FIRST")]
    for got in (answered, later):
        assert [each for each in calls_in(got) if each[0] == "function_call_output"] == outputs


@pytest.mark.req("M4")
@pytest.mark.parametrize(("version", "transport"), [WAYS[0], WAYS[2]])
async def test_codex_shows_the_gateways_calls_as_its_own(
    version: str, transport: Transport, codex, upstream, proxy
) -> None:
    running = await proxy("mcp")
    two_servers(running.home)
    one = codex(version)
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
