"""A project's hook may start the scripts of the project that its command names, as Claude Code's hooks mostly do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hook_world import HookWorld

from codexplus_hooks.grants import held

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a POSIX shell's hooks")
SCRIPT = "#!/bin/sh\necho 'not on my watch' >&2\nexit 2\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HookWorld:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(world.home / ".codexplus"))
    world.write("project/.claude/hooks/check.sh", SCRIPT).chmod(0o755)
    return world


async def decided(world: HookWorld, entry: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """What a hook of the project's says of a command once it was allowed, and what it may do."""
    world.hooks("project/.claude/settings.json", {"PreToolUse": [{"hooks": [{"type": "command", **entry}]}]})
    async with world.working() as working:
        found = working.found
        (hook,) = found.asking
        world.approvals.allow_now([await working.trust._proposal(hook, found, world.session)])
        return (await working.bash()).decision, held(working.core, hook, world.project).permissions


@pytest.mark.req("H5", "H6")
@pytest.mark.parametrize(
    "command",
    [
        ".claude/hooks/check.sh",
        "./.claude/hooks/check.sh || exit 2",
        '"$CLAUDE_PROJECT_DIR"/.claude/hooks/check.sh',
        "$CLAUDE_PROJECT_DIR/.claude/hooks/check.sh",
    ],
)
async def test_a_projects_script_runs_by_its_path_without_declared_permissions(command: str, world: HookWorld) -> None:
    decision, permissions = await decided(world, {"command": command})

    assert decision == "deny"
    assert permissions[-1].endswith(".claude/hooks/check.sh") or "run:./.claude/hooks/check.sh" in permissions


async def test_what_a_hook_declares_is_all_it_may_start(world: HookWorld) -> None:
    declared = await decided(world, {"command": ".claude/hooks/check.sh", "permissions": ["read_repo"]})

    assert declared == (None, ("read_repo", "run:sh"))


@pytest.mark.parametrize("command", ["/opt/elsewhere/check.sh", "./../elsewhere/check.sh", "echo a/b"])
async def test_nothing_outside_the_project_is_granted_for_being_named(command: str, world: HookWorld) -> None:
    _, permissions = await decided(world, {"command": command})

    assert permissions == ("run:*", "read_repo", "run:sh")
