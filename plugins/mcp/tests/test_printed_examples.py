"""The configuration that the product's specification prints, as it is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from mcp_world import Place

from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_mcp.adding import adding
from codexplus_mcp.connections import Connections
from codexplus_mcp.resources import mentions_in
from codexplus_mcp.server import Server, ServerSet
from codexplus_mcp.settings import Servers

PRINTED = """{
  "mcpServers": {
    "github": {
      "transport": "sse",
      "url": "https://mcp.github.com/sse",
      "auth": {
        "type": "oauth2",
        "scopes": ["repo:read", "issues:read"]
      }
    },
    "airtable": {
      "command": "npx -y airtable-mcp-server",
      "env": {"AIRTABLE_API_KEY": "${AIRTABLE_API_KEY}"}
    }
  }
}"""


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


def with_key(place: Place) -> Config:
    return Config(place.home, {}, env={"HOME": str(place.home), "AIRTABLE_API_KEY": "key-of-mine"}, every_s=0.0)


@pytest.mark.req("M1")
async def test_the_printed_servers_of_the_user_start_and_sign_in_as_they_say(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("home/.codexplus/mcp.json", PRINTED)
    folder = tmp_path / "bin"
    folder.mkdir()
    npx = folder / "npx"
    odd = Path(__file__).parent / "odd_server.py"
    npx.write_text(f'#!/bin/sh\n[ "$*" = "-y airtable-mcp-server" ] && exec {sys.executable} -I {odd}\n', "utf-8")
    npx.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    async with Harness([place.keeper], config=with_key(place)):
        found = Servers(place.keeper.core).of(place.project)
        github, airtable = found.get("github"), found.get("airtable")
        assert github is not None and airtable is not None
        connections = Connections(place.keeper.core)
        answer = await connections.get(airtable).call_tool("env")
        await connections.close()

    assert (github.transport, github.url) == ("sse", "https://mcp.github.com/sse")
    assert github.oauth["scopes"] == ["repo:read", "issues:read"]
    assert json.loads(answer.content[0].model_dump()["text"])["AIRTABLE_API_KEY"] == "key-of-mine"


@pytest.mark.req("M2")
async def test_in_a_repository_they_ask_and_a_variable_of_the_user_has_to_be_declared(place: Place) -> None:
    printed = json.loads(PRINTED)
    declaring = json.loads(PRINTED)["mcpServers"]["airtable"]
    declaring["permissions"] = ["run:npx", "read_env:AIRTABLE_API_KEY"]
    printed["mcpServers"]["declaring"] = declaring
    place.write("project/.mcp.json", printed)

    async with Harness([place.keeper], config=with_key(place)):
        found = Servers(place.keeper.core).of(place.project)

    assert {one.name: one.standing for one in found} == {"github": "asks", "declaring": "asks", "airtable": "broken"}
    assert [one.env.get("AIRTABLE_API_KEY") for one in found if one.name == "declaring"] == ["key-of-mine"]
    (lacking,) = [one for one in found if one.name == "airtable"]
    assert "a project may read ${AIRTABLE_API_KEY} only where it declares it" in lacking.problems[0]


def test_the_printed_commands_and_mentions_are_understood() -> None:
    shared = adding(["--scope", "project", "--transport", "sse", "linear", "https://mcp.linear.app"])
    servers = ServerSet((Server("github", "user", "sse"), Server("linear", "project", "sse")))
    said = "Review issue @linear:issue://ENG-123 and create implementation plan, as in @github:issue://123"

    assert (shared.scope, shared.entry) == ("project", {"type": "sse", "url": "https://mcp.linear.app"})
    assert [(one.server.name, one.uris[0]) for one in mentions_in(said, servers)] == [
        ("linear", "issue://ENG-123"),
        ("github", "issue://123"),
    ]
