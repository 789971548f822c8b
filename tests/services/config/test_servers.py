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


@pytest.mark.parametrize("place", ["home/.codexplus/mcp.json", "project/.mcp.json"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"mcpservers": {"s": {"command": "x"}}}, "mcpservers: is no key that is known; did you mean mcpServers?"),
        ({"servers": {"s": {"command": "x"}}}, "did you mean mcpServers?"),
        ({"s": {"command": "x"}}, 's: is an MCP server outside of mcpServers; put it into "mcpServers": {…}'),
        ("{ nope", "is no JSON: "),
    ],
)
def test_a_file_of_servers_that_holds_none_by_a_slip_is_named_once(
    world: World, place: str, content: Any, words: str
) -> None:
    path = world.write(place, content)

    settings = world.settings()

    (notice,) = settings.warnings
    assert str(path) in str(notice) and words in str(notice)
    assert notice.origin.line == (1 if isinstance(content, dict) else None)


def test_an_entry_that_cannot_be_used_is_kept_by_its_name_and_with_its_place(world: World) -> None:
    text = '{"mcpServers": {\n"a.b": {"comand": "x"},\n"unset": {"command": "${NO_SUCH}"},\n"good": {"command": "x"}}}'
    path = world.write("project/.mcp.json", text)

    settings = world.settings()

    assert [(each.key, each.origin.line) for each in settings.unusable] == [
        ("mcpServers.a.b", 2),
        ("mcpServers.unset", 3),
    ]
    assert settings.unusable[0].origin.file == path
    assert settings.unusable[1].written == {"command": "${NO_SUCH}"}


@pytest.mark.parametrize(
    ("entry", "line", "words"),
    [
        ('"comand": "x"', 2, "mcpServers.s.comand: is no key that is known; did you mean command?"),
        (
            '"url": "https://a.example",\n"typ": "sse"',
            3,
            "mcpServers.s.typ: is no key that is known; did you mean type?",
        ),
        ('"command": "x",\n"permisions": ["read_repo"]', 3, "did you mean permissions?"),
        ('"URL": "https://a.example"', 2, "did you mean url?"),
    ],
)
def test_a_slip_in_an_entry_costs_the_entry_and_is_named_with_its_line(
    world: World, entry: str, line: int, words: str
) -> None:
    world.write("project/.mcp.json", f'{{"mcpServers": {{"s": {{\n{entry}}}}}}}')

    settings = world.settings()

    assert servers(settings) == {}
    (notice,) = settings.warnings
    assert words in str(notice) and notice.origin.line == line


@pytest.mark.parametrize("key", ["transportType", "headersHelper", "disabled", "description", "envFile", "oauth2"])
def test_keys_of_other_programs_are_no_slips(world: World, key: str) -> None:
    world.write("project/.mcp.json", {"mcpServers": {"s": {"command": "x", key: "y"}}})

    assert list(servers(world.settings())) == ["s"]


def test_a_variable_that_is_neither_declared_nor_set_is_said_to_be_both(world: World) -> None:
    world.write("project/.mcp.json", {"mcpServers": {"s": {"command": "x", "env": {"K": "${NO_SUCH}"}}}})

    words = said(world.settings().warnings)

    assert "may read ${NO_SUCH} only where it declares it, and it is not set" in words
    assert 'add "read_env:NO_SUCH"' in words
