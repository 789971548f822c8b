"""Where MCP servers may stand besides the settings files: folders above, the user's own file, Claude Code's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World, said

from codexplus_core.services.config import Settings


def servers(settings: Settings) -> dict[str, tuple[str, str, bool]]:
    """Each server's command, layer and whether it is trusted."""
    found = settings.items("mcpServers")
    return {
        each.key.removeprefix("mcpServers."): (each.value["command"], each.origin.layer, each.origin.trusted)
        for each in found
    }


def of(**commands: str) -> dict[str, Any]:
    return {"mcpServers": {name: {"command": command} for name, command in commands.items()}}


def test_a_folder_above_adds_servers_and_the_nearest_counts(world: World) -> None:
    world.write("project/.mcp.json", of(far="top", same="top"))
    world.write("project/sub/.mcp.json", of(near="sub", same="sub"))

    found = servers(world.config().for_project(world.project / "sub"))

    assert found == {
        "near": ("sub", "project", False),
        "same": ("sub", "project", False),
        "far": ("top", "project", False),
    }


def test_nothing_else_of_a_folder_above_counts(world: World) -> None:
    (world.project / "sub").mkdir()
    world.write("project/.claude/settings.json", {"model": "m", **of(s="s")})

    settings = world.config().for_project(world.project / "sub")

    assert settings.list() == ()


def test_a_folder_above_that_others_can_write_adds_nothing_and_is_named(world: World) -> None:
    (world.project / "sub").mkdir()
    world.write("project/.mcp.json", of(s="s"))
    world.project.chmod(0o777)

    settings = world.config().for_project(world.project / "sub")

    assert servers(settings) == {}
    assert "can be written by other users" in said(settings.warnings)


@pytest.mark.parametrize("file", ["home/.codexplus/mcp.json", "home/.claude.json"])
def test_the_users_own_servers_are_trusted_and_local_ones_hide_the_projects(world: World, file: str) -> None:
    own = {**of(everywhere="u", s="u"), "projects": {str(world.project): of(here="l", s="l")}, "numStartups": 3}
    world.write(file, own)
    world.write("project/.mcp.json", of(s="p"))

    found = servers(world.settings())

    assert found == {
        "here": ("l", "local", True),
        "s": ("l", "local", True),
        "everywhere": ("u", "user", True),
    }
    assert world.settings().warnings == () == world.settings().ignored
    assert servers(world.config().user) == {"everywhere": ("u", "user", True), "s": ("u", "user", True)}


def test_our_own_file_comes_before_that_of_claude_code(world: World) -> None:
    world.write("home/.codexplus/mcp.json", of(s="ours"))
    world.write("home/.claude.json", of(s="theirs", t="theirs"))

    assert servers(world.settings()) == {"s": ("ours", "user", True), "t": ("theirs", "user", True)}


def test_a_change_elsewhere_in_claude_codes_file_changes_nothing(world: World) -> None:
    world.write("home/.claude.json", {**of(s="s"), "numStartups": 1})
    config = world.config()
    before = config.for_project(world.project)

    world.now += 1
    world.write("home/.claude.json", {**of(s="s"), "numStartups": 2})
    same = config.for_project(world.project)
    world.now += 1
    world.write("home/.claude.json", {**of(s="other"), "numStartups": 2})
    other = config.for_project(world.project)

    assert same is before
    assert servers(other) == {"s": ("other", "user", True)}


def test_a_broken_file_of_claude_code_is_named_and_the_rest_counts(world: World) -> None:
    world.write("home/.claude.json", '{"mcpServers": nope, "permissions": {"deny": ["Bash"]}}')
    world.write("home/.claude/settings.json", of(s="s"))

    settings = world.settings()

    assert servers(settings) == {"s": ("s", "user", True)}
    assert settings.get("permissions") is None
    assert "is no JSON" in said(settings.warnings)


def test_a_local_server_knows_its_line(world: World) -> None:
    path = world.root / "home/.claude.json"
    path.write_text(json.dumps({"a": 1, "projects": {str(world.project): of(s="s")}}, indent=1))

    (server,) = world.settings().items("mcpServers")

    assert server.origin.file == Path(path)
    assert server.origin.line == 1 + path.read_text().splitlines().index('    "s": {')
