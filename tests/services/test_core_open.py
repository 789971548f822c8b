"""What plugins open and run in a session obeys the settings of its project."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World
from services.test_core import Acts

from codexplus_core import Action, ActionDenied, CannotOpen, Session
from codexplus_core.services.permissions import Argv
from codexplus_core.testing import Harness

CANARY = "CANARY-7f3a"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path.resolve())
    world.write("project/ok.txt", "fine")
    world.write("project/.env", CANARY)
    world.write("secret.txt", CANARY)
    return world


def read(world: World, path: str) -> Action:
    return Action("read", path=Path(path), session=Session("s", "t", cwd=world.project))


async def test_a_path_begins_at_the_project_of_the_session(world: World) -> None:
    acts = Acts()
    async with Harness([acts], config=world.config()):
        assert await acts.core.open(read(world, "ok.txt")) == b"fine"
        assert await acts.core.open(read(world, str(world.project / "ok.txt"))) == b"fine"


@pytest.mark.abuse("E01", "E02", "E03")
@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "out", "innocent", ".env", "./.ENV"])
async def test_neither_what_lies_outside_nor_what_is_denied_is_read(world: World, path: str) -> None:
    world.write("project/.claude/settings.json", {"permissions": {"deny": ["Read(./.env)"], "allow": ["Read(//**)"]}})
    (world.project / "out").symlink_to("../secret.txt")
    (world.project / "innocent").symlink_to(".env")
    (world.project / ".ENV").touch()
    acts = Acts()
    async with Harness([acts], config=world.config()):
        with pytest.raises(CannotOpen) as refused:
            await acts.core.open(read(world, path))

    assert CANARY not in str(refused.value)


async def test_a_rule_of_the_users_opens_what_it_names(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"allow": [f"Read(/{world.root}/secret.txt)"]}})
    acts = Acts()
    async with Harness([acts], config=world.config()):
        assert await acts.core.open(read(world, "../secret.txt")) == CANARY.encode()


async def test_a_file_that_a_rule_asks_about_needs_an_approval(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"ask": ["Read(ok.txt)"]}})
    acts = Acts()
    async with Harness([acts], config=world.config()) as proxy:
        with pytest.raises(CannotOpen, match=r"codex-plus approvals allow (\w+)") as refused:
            await acts.core.open(read(world, "ok.txt"))
        found = re.search(r"approvals allow (\w+)", str(refused.value))
        assert found is not None
        proxy.app.approvals.allow(found[1])

        assert await acts.core.open(read(world, "ok.txt")) == b"fine"


async def test_without_a_project_a_file_is_read_as_it_is_named(world: World) -> None:
    acts = Acts()
    async with Harness([acts], config=world.config()):
        assert await acts.core.open(Action("read", path=world.root / "secret.txt")) == CANARY.encode()


@pytest.mark.req("X3")
async def test_a_program_that_a_rule_denies_does_not_run(world: World) -> None:
    world.write("project/.claude/settings.json", {"permissions": {"deny": [f"Bash({Path(sys.executable).name}:*)"]}})
    acts: Any = Acts()
    code = f"open({str(world.root / 'ran')!r}, 'w')"
    action = Action("run", argv=(sys.executable, "-c", code), session=Session("s", "t", cwd=world.project))
    async with Harness([acts], config=world.config()) as proxy:
        with pytest.raises(ActionDenied, match="denied by the rule"):
            await acts.core.run(action)

        verdict = acts.core.permissions.judge(Argv(action.argv), session=action.session)
        assert verdict.decision == "deny"
        assert len(proxy.log.events("action_denied")) == 1
    assert not (world.root / "ran").exists()
