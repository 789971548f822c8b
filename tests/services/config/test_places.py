"""Where settings files may lie, and whose they are."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World, said

posix = pytest.mark.skipif(os.name != "posix", reason="links, FIFOs and owners as POSIX has them")


@posix
@pytest.mark.abuse("B11")
@pytest.mark.parametrize("what", ["folder", "file", "mcp"])
def test_a_link_out_of_the_project_is_refused(world: World, what: str) -> None:
    outside = world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash"]}, "model": "user's"})
    servers = world.write("home/servers.json", {"mcpServers": {"x": {"command": "x"}}})
    if what == "folder":
        (world.project / ".claude").symlink_to(outside.parent)
    elif what == "file":
        (world.project / ".claude").mkdir()
        (world.project / ".claude/settings.json").symlink_to(outside)
    else:
        (world.project / ".mcp.json").symlink_to(servers)

    settings = world.settings()

    assert "leads out of the project" in said(settings.warnings)
    assert settings.get("mcpServers") is None
    model = settings.value("model")
    assert model is not None and model.origin.layer == "user"


@posix
@pytest.mark.abuse("B11")
def test_a_link_within_the_project_is_followed_and_still_the_projects(world: World) -> None:
    world.write("project/agents/settings.json", {"permissions": {"allow": ["Bash"], "deny": ["Read(x)"]}})
    (world.project / ".claude").symlink_to("agents")

    settings = world.settings()

    assert settings.get("permissions") == {"deny": ["Read(x)"]}
    assert settings.warnings == ()


@posix
@pytest.mark.abuse("B18")
@pytest.mark.parametrize("scope", ["project", "home"])
@pytest.mark.parametrize("kind", ["fifo", "directory", "device", "socket", "loop"])
async def test_what_is_no_regular_file_is_refused_at_once(world: World, scope: str, kind: str) -> None:
    path = world.root / scope / ".claude/settings.json"
    path.parent.mkdir()
    made: dict[str, Any] = {
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
        "socket": lambda: bind(path),
        "loop": lambda: path.symlink_to(path),
    }
    made[kind]()

    async with asyncio.timeout(5):
        settings = await asyncio.to_thread(world.settings)

    assert len(settings.warnings) == 1
    assert settings.list() == ()


def bind(path: Path) -> None:
    # A socket's name may be no longer than 108 bytes, and a temporary directory's is.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


@posix
def test_links_of_the_user_are_followed(world: World) -> None:
    world.write("home/dotfiles/claude/settings.json", {"model": "linked"})
    (world.home / ".claude").symlink_to("dotfiles/claude")

    assert world.settings().get("model") == "linked"


@posix
@pytest.mark.abuse("B13")
@pytest.mark.parametrize("what", ["folder", "file"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_settings_that_others_can_write_count_like_a_projects(world: World, what: str, mode: int) -> None:
    path = world.write(
        "home/.claude/settings.json",
        {"permissions": {"allow": ["Bash"], "deny": ["Read(x)"]}, "hooks": {"Stop": [{"command": "x"}]}},
    )
    touched = path if what == "file" else path.parent
    touched.chmod(touched.stat().st_mode | mode)

    settings = world.settings()

    assert settings.get("permissions") == {"deny": ["Read(x)"]}
    assert [hook.origin.trusted for hook in settings.items("hooks.Stop")] == [False]
    assert "can be written by other users" in said(settings.warnings) and "chmod go-w" in said(settings.warnings)
    assert [file.trusted for file in settings.files] == [False]


@posix
@pytest.mark.abuse("B13")
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_settings_of_another_user_count_like_a_projects(world: World) -> None:
    path = world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash"]}})
    os.chown(path, 12345, 12345)

    settings = world.settings()

    assert settings.get("permissions") is None
    assert "belongs to user 12345" in said(settings.warnings)


@pytest.mark.abuse("B12")
def test_in_the_home_directory_there_is_no_project_and_one_remark_says_so(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash(git:*)"]}})
    world.write("home/.claude/settings.local.json", {"model": "local"})
    world.write("home/.mcp.json", {"mcpServers": {"x": {"command": "x"}}})

    settings = world.config().for_project(world.home)

    assert settings.get("permissions.allow") == ["Bash(git:*)"]
    assert settings.get("mcpServers") is settings.get("model") is settings.project is None
    assert "is your home directory" in said(settings.remarks)
    assert settings.warnings == ()


@pytest.mark.abuse("B12")
def test_a_project_below_the_home_directory_is_a_project(world: World) -> None:
    world.write("home/work/.claude/settings.json", {"permissions": {"allow": ["Bash"]}})

    settings = world.config().for_project(world.home / "work")

    assert settings.get("permissions") is None
    assert len(settings.ignored) == 1


def test_the_users_folders_go_where_their_programs_are_told_to_look(world: World) -> None:
    for folder in ("one", "two", "three"):
        world.write(f"elsewhere/{folder}/settings.json", {"env": {folder: folder}})
    env = {
        "CODEX_PLUS_HOME": str(world.root / "elsewhere/one"),
        "CLAUDE_CONFIG_DIR": str(world.root / "elsewhere/two"),
        "CODEX_HOME": str(world.root / "elsewhere/three"),
    }

    assert sorted(world.settings(**env).get("env")) == ["one", "three", "two"]
