"""/mcp in the chat: answered here on both transports, and the model hears nothing of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_mcp.plugin import Plugin

Transport = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])
SHELF = Path(__file__).parent / "shelf_server.py"
Start = Callable[..., Harness]


@pytest.fixture
def start(tmp_path: Path, private_home: Path) -> Start:
    """Make a proxy: ``start(transport, servers)``."""
    (tmp_path / "project").mkdir()

    def make(transport: Transport = "http", servers: dict[str, Any] | None = None) -> Harness:
        overrides = {"mcpServers": servers or {}, "mcp": {"tools": "gateway"}}
        config = Config(private_home, overrides, env={"HOME": str(private_home)}, every_s=0.0)
        return Harness({"mcp": Plugin()}, config=config, transport=transport, cwd=str(tmp_path / "project"))

    return make


@pytest.fixture
def shelf(tmp_path: Path) -> dict[str, Any]:
    """A server that answers."""
    return {"command": sys.executable, "args": ["-I", str(SHELF), str(tmp_path / "asked.jsonl")]}


@BOTH
@pytest.mark.req("M7")
async def test_the_list_shows_servers_their_state_resources_and_prompts(
    transport: Transport, start: Start, shelf: dict[str, Any]
) -> None:
    broken = {"command": "/nonexistent/cmd", "args": ["--token", "sk-abcdefghijklmnop"]}
    async with start(transport, {"s": shelf, "gone": broken}) as proxy:
        answer = await proxy.say("/mcp list")
        await proxy.say("hello")

    assert re.search(r"^- `s` \(local, stdio `.*shelf_server.py .*`\): ✔ Connected, 5 resources, ", answer.text, re.M)
    assert "`@s:issue://ENG-123`" in answer.text
    assert "`@s:tpl://{id}`" in answer.text
    assert "`/mcp__s__greet`" in answer.text
    assert "- `gone` (local, stdio `/nonexistent/cmd --token [REDACTED]`): ✘ Failed to connect — " in answer.text
    assert "\\" not in answer.text
    assert "abcdefghijklmnop" not in answer.text
    (turn,) = proxy.upstream.turns
    assert "/mcp" not in json.dumps(turn.body["input"])


@pytest.mark.req("M7")
async def test_mcp_alone_is_the_list(start: Start) -> None:
    async with start() as proxy:
        answer = await proxy.say("/mcp")

    assert answer.text == "No MCP servers are configured. `/mcp add NAME COMMAND` or `/mcp add NAME URL` adds one."


@BOTH
@pytest.mark.req("M2")
async def test_a_server_is_added_shown_and_removed_from_the_chat(
    transport: Transport, start: Start, private_home: Path, tmp_path: Path
) -> None:
    async with start(transport) as proxy:
        added = await proxy.say('/mcp add air -e K="V W" -- /nonexistent/cmd x')
        shown = await proxy.say("/mcp get air")
        removed = await proxy.say("/mcp remove air")
        again = await proxy.say("/mcp remove air")

    assert "Added stdio MCP server air with command: /nonexistent/cmd x to local config" in added.text
    assert "Scope: Local config (private to you in this project)" in shown.text
    assert "Status: ✘ Failed to connect" in shown.text
    assert "    K=V W" in shown.text
    assert 'Removed MCP server "air" from local config' in removed.text
    assert "To remove this server, run: /mcp remove air -s local" in shown.text
    assert 'No MCP server found with name: "air"' in again.text
    kept = json.loads((private_home / ".codexplus/mcp.json").read_text(encoding="utf-8"))
    assert kept["projects"][str(tmp_path / "project")]["mcpServers"] == {}


@pytest.mark.req("M2")
@pytest.mark.parametrize(
    "typed",
    [
        '/mcp add-json j {"command": "npx", "args": ["it\'s", "x y"]}',
        '/mcp add-json j \'{"command": "npx", "args": ["it\'s", "x y"]}\'',
        '/mcp add-json -s local j {"command": "npx", "args": ["it\'s", "x y"]}',
    ],
)
async def test_json_needs_no_quotes_in_the_chat(typed: str, start: Start, private_home: Path, tmp_path: Path) -> None:
    async with start() as proxy:
        answer = await proxy.say(typed)

    kept = json.loads((private_home / ".codexplus/mcp.json").read_text(encoding="utf-8"))
    entry = kept["projects"][str(tmp_path / "project")]["mcpServers"]["j"]
    assert entry == {"command": "npx", "args": ["it's", "x y"]}, answer.text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("/mcp help", "`/mcp auth NAME`"),
        ("/mcp add --help", "usage: mcp add [options] NAME COMMAND_OR_URL [ARGS...]"),
        ("/mcp add", "missing required argument 'name'"),
        ("/mcp fly", "/mcp: there is no 'fly'; /mcp help names them all"),
        ("/mcp lst", "/mcp: there is no 'lst'; did you mean /mcp list?"),
        ("/mcp add x", "/mcp add --help shows how it is used"),
        ("/mcp get", "the following arguments are required: NAME"),
        ("/mcp get nope", 'No MCP server named "nope". Run `/mcp add` to add one.'),
        ("/mcp list --timeout soon", "'soon' is no number of seconds above 0"),
        ("/mcp add x htps://a.example", "did you mean https://a.example?"),
        ("/mcp auth nope", 'No MCP server named "nope"'),
        ("/mcp auth s", "is a program on this machine"),
        ("/mcp auth s https://x.example/?code=1", "no sign-in to s is under way"),
        ("/mcp logout s", "You are not signed in to s."),
        ("/mcp add 'x", "a quote is not closed"),
        ("/mcp add h https://a.example --client-id c --client-secret", "a secret is not typed in the chat"),
        ("/mcp reset-project-choices", "0 answers were withdrawn"),
    ],
)
async def test_what_cannot_be_done_is_said(
    typed: str, words: str, start: Start, shelf: dict[str, Any], private_home: Path
) -> None:
    async with start("http", {"s": shelf}) as proxy:
        answer = await proxy.say(typed)

    assert words in answer.text
    assert proxy.upstream.turns == []
    assert not (private_home / ".codexplus/mcp.json").exists()


@pytest.mark.req("X6")
@pytest.mark.abuse("G18")
async def test_names_that_a_server_chose_make_no_markdown_and_move_no_cursor(
    start: Start, shelf: dict[str, Any]
) -> None:
    async with start("http", {"`s`\x1b[2J": shelf, "**b**": {"command": "/nonexistent/`x`"}}) as proxy:
        answer = await proxy.say("/mcp list")

    assert "\x1b" not in answer.text
    assert "`**b**`" in answer.text
