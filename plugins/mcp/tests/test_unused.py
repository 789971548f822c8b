"""`codex-plus config` knows which servers are not used, as `mcp list` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_world import Place

from codexplus_core.cli.main import main
from codexplus_mcp import plugin


@pytest.fixture
def place(tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path, private_home)
    monkeypatch.chdir(made.project)
    return made


@pytest.mark.req("C3")
def test_a_server_with_a_url_that_is_none_is_not_shown_as_if_it_counted(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.mine(bad={"type": "http", "url": "htps://h.example/mcp"}, good={"command": "env"})

    assert main(["config", "list"]) == 0
    shown = capsys.readouterr().out
    assert main(["config", "explain", "mcpServers.bad"]) == 0
    explained = capsys.readouterr().out

    (row,) = (line for line in shown.splitlines() if line.startswith("mcpServers.bad"))
    assert row.endswith("(not used)")
    (row,) = (line for line in shown.splitlines() if line.startswith("mcpServers.good"))
    assert "not used" not in row
    said = "not used:\n  ~/.codexplus/mcp.json:1: mcpServers.bad: its url is no http or https URL\n"
    assert shown.endswith(said) and explained.endswith(said)


@pytest.mark.req("C3")
def test_programs_are_told_which_servers_are_not_used(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.mine(bad={"type": "http", "url": "htps://h.example/mcp"}, good={"command": "env"})

    assert main(["config", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert main(["config", "explain", "mcpServers.good", "--json"]) == 0
    good = json.loads(capsys.readouterr().out)

    assert [row["key"] for row in listed["settings"] if row.get("unused")] == ["mcpServers.bad"]
    assert [(row["key"], row["text"], row["line"]) for row in listed["unused"]] == [
        ("mcpServers.bad", "its url is no http or https URL", 1)
    ]
    assert (listed["failed"], good["unused"]) == ([], [])


@pytest.mark.parametrize(
    ("servers", "settings", "key", "why"),
    [
        ({"s": {"type": "stdio", "url": "https://h.example"}}, {}, "s", "has a url and says stdio; write"),
        ({"s": {"command": "env"}}, {"deniedMcpServers": [{"serverName": "s"}]}, "s", "it is not allowed by policy"),
        ({"s": {"command": "env"}}, {"disabledMcpjsonServers": ["s"]}, "s", "disabledMcpjsonServers in your settings"),
        ({"a.b": {"command": "env"}, "a_b": {"command": "env"}}, {}, "a_b", "it would be called like another server"),
        ({"s": {"url": "https://h.example"}}, {"compatibility": "claude-code"}, "s", "has a url and says stdio"),
    ],
)  # fmt: skip
def test_the_reason_is_named(place: Place, servers: Any, settings: Any, key: str, why: str) -> None:
    place.write("project/.mcp.json", {"mcpServers": servers})
    place.write("home/.claude/settings.json", settings)

    found = dict(plugin.UNUSED(place.config().for_project(place.project)))

    assert list(found) == [f"mcpServers.{key}"]
    assert found[f"mcpServers.{key}"].startswith(why)


def test_what_the_settings_leave_out_already_is_not_named_twice(place: Place) -> None:
    place.mine(s={"comand": "x"}, t={"command": "${NO_SUCH}"})

    assert not list(plugin.UNUSED(place.config().for_project(place.project)))
