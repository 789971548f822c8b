"""Hooks are added, removed and switched where they stand; what cannot be changed safely is left alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hook_world import HookWorld, nested

from codexplus_core import Problem, open_core
from codexplus_hooks import editing
from codexplus_hooks.editing import Folders, NewHook
from codexplus_hooks.hook import Hook
from codexplus_hooks.hook_set import HookSet
from codexplus_hooks.settings import Hooks
from codexplus_hooks.settings_file import Plan, write

FLAT = {"matcher": "Write", "command": "echo $file >> log", "timeout": 5, "permissions": ["run:echo"]}
NEW = NewHook("PreToolUse", "./check.sh", "Bash", 3, ("run:check.sh",))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HookWorld:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    return world


def folders(world: HookWorld) -> Folders:
    return Folders(world.home, {}, world.project)


def found(world: HookWorld) -> HookSet:
    with open_core({"HOME": str(world.home)}) as core:
        return Hooks(core, env={}).of(world.project)


def the(world: HookWorld, command: str) -> Hook:
    (hook,) = [hook for hook in found(world).hooks if hook.command == command]
    return hook


def carry_out(plan: Plan, world: HookWorld) -> Any:
    write(plan, folders(world).backups)
    return json.loads(plan.path.read_text(encoding="utf-8"))


@pytest.mark.req("H2")
def test_a_new_hook_is_read_back_as_it_was_meant(world: HookWorld) -> None:
    plan = editing.adding(NEW, "user", folders(world))
    carry_out(plan, world)

    hook = the(world, "./check.sh")

    assert plan.path == world.home / ".claude/settings.json"
    assert (hook.event, hook.matcher, hook.timeout, hook.permissions) == ("PreToolUse", "Bash", 3, ("run:check.sh",))
    assert hook.trusted and not found(world).warnings


@pytest.mark.parametrize("where", ["user", "project", "local"])
def test_a_hook_goes_into_the_highest_file_that_is_there(world: HookWorld, where: editing.Where) -> None:
    top = world.home if where == "user" else world.project
    stem = "settings.local" if where == "local" else "settings"
    (top / ".codex").mkdir(parents=True, exist_ok=True)
    (top / f".codex/{stem}.yaml").write_text("model: x\n")

    plan = editing.adding(NEW, where, folders(world))

    assert plan.path == top / f".codex/{stem}.yaml"
    assert plan.after is not None and plan.after.decode().startswith("model: x\nhooks:\n")


def test_the_same_hook_is_not_added_twice(world: HookWorld) -> None:
    carry_out(editing.adding(NEW, "user", folders(world)), world)

    with pytest.raises(Problem, match="this very hook"):
        editing.adding(NEW, "user", folders(world))


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (NewHook("PreTooluse", "x"), "no event"),
        (NewHook("Stop", " "), "needs a command"),
        (NewHook("Stop", "x", "Bash"), "takes no matcher"),
        (NewHook("PreToolUse", "x", "(?i)bash"), "never matches"),
        (NewHook("PreToolUse", "x", timeout=0), "above 0"),
    ],
)
def test_what_would_never_run_is_not_written(world: HookWorld, new: NewHook, says: str) -> None:
    with pytest.raises(Problem, match=says):
        editing.adding(new, "user", folders(world))


def test_without_a_project_there_is_no_project_hook(world: HookWorld) -> None:
    with pytest.raises(Problem, match="no project"):
        editing.adding(NEW, "project", Folders(world.home, {}))


def test_a_hook_is_taken_out_and_its_neighbours_stay(world: HookWorld) -> None:
    path = world.hooks(
        "project/.claude/settings.json",
        {"PreToolUse": [FLAT, *nested("one", "two")], "Stop": nested("three")},
    )

    left = carry_out(editing.removing(the(world, "one"), folders(world)), world)

    assert left["hooks"] == {"PreToolUse": [FLAT, *nested("two")], "Stop": nested("three")}
    carry_out(editing.removing(the(world, "two"), folders(world)), world)
    carry_out(editing.removing(the(world, "three"), folders(world)), world)
    assert json.loads(path.read_text())["hooks"] == {"PreToolUse": [FLAT]}


def test_an_entry_that_does_not_count_does_not_lead_to_the_wrong_one(world: HookWorld) -> None:
    bad = {"matcher": 5, "command": "bad"}
    world.hooks("home/.claude/settings.json", {"PreToolUse": [bad, *nested("one"), *nested("two")]})

    left = carry_out(editing.removing(the(world, "two"), folders(world)), world)

    assert left["hooks"]["PreToolUse"] == [bad, *nested("one")]


def test_a_hook_with_a_variable_in_it_is_found(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": [*nested("${HOME}/say"), *nested("other")]})

    left = carry_out(editing.removing(the(world, "${HOME}/say"), folders(world)), world)

    assert left["hooks"]["Stop"] == nested("other")


def test_a_hook_that_has_gone_meanwhile_is_an_error(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("one")})
    hook = the(world, "one")
    world.hooks("home/.claude/settings.json", {"Stop": nested("another")})

    with pytest.raises(Problem, match="does not have the hook"):
        editing.removing(hook, folders(world))


def test_one_hook_is_switched_off_and_on_without_touching_its_file(world: HookWorld) -> None:
    path = world.hooks("project/.claude/settings.json", {"Stop": nested("one", "two")})
    before = path.read_bytes()

    own = carry_out(editing.switching_off(the(world, "one"), folders(world)), world)

    (line,) = own["disabledHooks"]
    assert line.endswith(" Stop: one")
    assert [hook.command for hook in found(world).of("Stop")] == ["two"]
    with open_core({"HOME": str(world.home)}) as core:
        (plan,) = editing.switching_on(the(world, "one"), core, folders(world))
    assert write(plan, folders(world).backups).removed
    assert [hook.command for hook in found(world).of("Stop")] == ["one", "two"]
    assert path.read_bytes() == before


@pytest.mark.req("X6")
def test_a_project_cannot_switch_off_a_hook_of_the_users(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("guard")})
    plan = editing.switching_off(the(world, "guard"), folders(world))
    (world.project / ".claude").mkdir(parents=True, exist_ok=True)
    (world.project / ".claude/settings.json").write_bytes(plan.after or b"")

    assert [hook.command for hook in found(world).of("Stop")] == ["guard"]


def test_the_administrators_hook_stays(world: HookWorld) -> None:
    hook = Hook("Stop", shell="guard", scope="enterprise", source=Path("/etc/codex-plus/policy.yaml"))

    for change in (editing.switching_off, editing.removing):
        with pytest.raises(Problem, match="administrator"):
            change(hook, folders(world))


def test_all_hooks_are_switched_off_and_on(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("one")})

    carry_out(editing.switching_all(folders(world), off=True), world)

    assert found(world).of("Stop") == () and found(world).disabled
    own = world.home / ".codexplus/settings.json"
    written = write(editing.switching_all(folders(world), off=False), folders(world).backups)
    assert found(world).of("Stop") and written.removed and not own.exists()
    # What else is in it stays, and an empty file of the user's does, too.
    for text, after in (('{"disableAllHooks": true, "model": "x"}', '{"model": "x"}'), ("{}", "{}")):
        own.write_text(text, encoding="utf-8")
        write(editing.switching_all(folders(world), off=False), folders(world).backups)
        assert own.read_text(encoding="utf-8") == after


def test_the_file_as_it_was_is_kept_and_its_mode_stays(world: HookWorld) -> None:
    path = world.hooks("home/.claude/settings.json", {"Stop": nested("one")})
    path.chmod(0o640)
    before = path.read_bytes()

    written = write(editing.adding(NEW, "user", folders(world)), folders(world).backups)

    assert written.backup is not None and written.backup.read_bytes() == before
    assert stat.S_IMODE(written.backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["settings.json"]


def test_a_file_that_changed_meanwhile_is_left_alone(world: HookWorld) -> None:
    path = world.hooks("home/.claude/settings.json", {"Stop": nested("one")})
    plan = editing.adding(NEW, "user", folders(world))
    path.write_text("{}")

    with pytest.raises(Problem, match="by another program"):
        write(plan, folders(world).backups)
    assert path.read_text() == "{}"


@pytest.mark.parametrize("text", ['{"hooks": []}', '{"hooks": {"PreToolUse": {}}}', "{", "\ud800"])
def test_a_file_of_another_shape_is_left_alone(world: HookWorld, text: str) -> None:
    path = world.home / ".claude/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(Problem, match=r"edit it by hand|no UTF-8"):
        editing.adding(NEW, "user", folders(world))


@pytest.mark.req("X6")
def test_a_projects_link_out_of_the_project_is_not_followed(world: HookWorld) -> None:
    (world.home / "secret.json").write_text("{}")
    (world.project / ".claude").mkdir(parents=True, exist_ok=True)
    (world.project / ".claude/settings.json").symlink_to(world.home / "secret.json")

    with pytest.raises(Problem, match="leads out"):
        editing.adding(NEW, "project", folders(world))


def test_a_link_of_the_users_own_stays_a_link(world: HookWorld) -> None:
    (world.home / "dotfiles").mkdir()
    (world.home / "dotfiles/settings.json").write_text("{}")
    (world.home / ".claude").mkdir(exist_ok=True)
    (world.home / ".claude/settings.json").symlink_to(world.home / "dotfiles/settings.json")

    write(editing.adding(NEW, "user", folders(world)), folders(world).backups)

    assert (world.home / ".claude/settings.json").is_symlink()
    assert "check.sh" in (world.home / "dotfiles/settings.json").read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_place_of_a_file_harms_nothing(world: HookWorld) -> None:
    (world.home / ".claude").mkdir(exist_ok=True)
    os.mkfifo(world.home / ".claude/settings.json")

    with pytest.raises(Problem, match="regular file"):
        editing.adding(NEW, "user", folders(world))
