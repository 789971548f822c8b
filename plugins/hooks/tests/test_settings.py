"""Hooks come from every settings file in both shapes, and one that is wrong loses only itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hook_world import HookWorld, nested

from codexplus_core import Session, ShellText, open_core
from codexplus_hooks.hook_set import HookSet
from codexplus_hooks.settings import Hooks

FLAT = {"matcher": "Write", "command": "echo $file >> log", "timeout": 5, "permissions": ["run:echo"]}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HookWorld:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    return world


def found(world: HookWorld, project: Path | None = None) -> HookSet:
    with open_core({"HOME": str(world.home)}) as core:
        return Hooks(core, env={}).of(project or world.project)


def commands(world: HookWorld, event: str = "PreToolUse", **payload: Any) -> list[str]:
    with open_core({"HOME": str(world.home)}) as core:
        hooks = Hooks(core, env={}).of(world.project)
        told = {"tool_name": "Bash", "tool_input": {"command": "echo hi"}, **payload}
        return [hook.command for hook in hooks.matching(core, event, told, Session(cwd=world.project))]


@pytest.mark.req("H3")
def test_every_file_of_home_and_project_counts(world: HookWorld) -> None:
    for place in ("home", "project"):
        for folder in (".codexplus", ".claude", ".codex"):
            world.hooks(f"{place}/{folder}/settings.json", {"PreToolUse": nested(f"{place} {folder}")})
    world.hooks("project/.claude/settings.local.json", {"PreToolUse": nested("local")})

    hooks = found(world).of("PreToolUse")

    assert [hook.command for hook in hooks] == [
        "local", "project .codexplus", "project .claude", "project .codex", "home .codexplus", "home .claude",
        "home .codex",
    ]  # fmt: skip
    assert [hook.trusted for hook in hooks] == [False] * 4 + [True] * 3
    assert {hook.scope for hook in hooks[:4]} == {"project"} and {hook.scope for hook in hooks[4:]} == {"user"}


@pytest.mark.req("H3")
def test_both_shapes_are_read_and_say_what_they_say(world: HookWorld) -> None:
    path = world.hooks("home/.claude/settings.json", {
        "PreToolUse": [FLAT, *nested({"command": "x", "timeout": 0.5, "if": "Bash(ls:*)", "async": True}, "y")],
        "Stop": nested({"command": "prog", "args": ["a b"]}),
    })  # fmt: skip

    flat, first, second = found(world).of("PreToolUse")
    (stop,) = found(world).of("Stop")

    assert (flat.shape, flat.shell, flat.matcher, flat.timeout) == ("flat", "echo $file >> log", "Write", 5.0)
    assert (flat.permissions, second.permissions) == (("run:echo",), None)
    assert (first.shape, first.timeout, first.condition, first.asynchronous) == ("nested", 0.5, "Bash(ls:*)", True)
    assert (stop.shell, stop.argv) == ("", ("prog", "a b"))
    assert [flat.place, second.place] == ["PreToolUse[0]", "PreToolUse[1].hooks[1]"]
    assert flat.source == path


@pytest.mark.req("H3")
@pytest.mark.parametrize(
    "bad",
    [
        {"hooks": [{"type": "zzz", "command": "x"}]},
        {"hooks": [{"type": "command"}]},
        {"hooks": [{"command": "x"}]},
        {"hooks": [{"type": "command", "command": "x", "timeout": 0}]},
        {"hooks": [{"type": "command", "command": "x", "timeout": -1}]},
        {"hooks": [{"type": "command", "command": "x", "timeout": "5"}]},
        {"hooks": [{"type": "command", "command": "x", "if": 5}]},
        {"hooks": [{"type": "command", "command": "x", "async": "yes"}]},
        {"hooks": {"type": "command", "command": "x"}},
        {"matcher": 5, "hooks": [{"type": "command", "command": "x"}]},
        {"matcher": ["Bash"], "command": "x"},
        {"matcher": "Bash", "command": 5},
        "x",
        5,
    ],
)
def test_a_bad_entry_loses_itself_with_a_warning_and_nothing_else(world: HookWorld, bad: Any) -> None:
    hooks = {"PreToolUse": [bad, *nested("good")]}
    path = world.hooks("home/.claude/settings.json", hooks, permissions={"deny": ["Bash(rm:*)"]})

    result = found(world)

    assert [hook.command for hook in result.of("PreToolUse")] == ["good"]
    assert str(path) in result.warnings[0] and "hooks.PreToolUse[0]" in result.warnings[0]
    with open_core() as core:
        assert core.permissions.judge(ShellText("rm -rf x", str(world.project))).decision == "deny"


def test_in_the_claude_code_profile_a_bad_entry_takes_the_hooks_of_its_file_along(world: HookWorld) -> None:
    world.write("home/.codexplus/settings.json", {"compatibility": "claude-code"})
    world.hooks("home/.claude/settings.json", {"PreToolUse": nested("mine")})
    for bad in (FLAT, nested({"type": "zzz", "command": "x"})[0], 5, nested({"command": "x", "timeout": 0})[0]):
        world.hooks("project/.claude/settings.json", {"PreToolUse": [bad, *nested("theirs")]})

        assert [hook.command for hook in found(world).of("PreToolUse")] == ["mine"]

    world.hooks("project/.claude/settings.json", {"PreToolUse": nested({"type": "http", "url": "u"}, "theirs")})
    assert [hook.command for hook in found(world).of("PreToolUse")] == ["theirs", "mine"]


def test_events_that_never_happen_here_and_matchers_that_match_nothing_are_named(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {
        "PreTooluse": nested("a"), "WorktreeCreate": nested("b"), "PreToolUse": nested("c", matcher="(?i)bash"),
    })  # fmt: skip

    spelling, elsewhere, matcher = found(world).warnings

    assert "PreTooluse: is no event" in spelling and "WorktreeCreate: does not happen here" in elsewhere
    assert "'(?i)bash' never matches" in matcher


@pytest.mark.req("H4")
def test_identical_commands_are_one_hook_and_the_users_own_of_two(world: HookWorld) -> None:
    same = nested("same", {"command": "same", "timeout": 6}, "other")
    world.hooks("home/.claude/settings.json", {"PreToolUse": same})
    world.hooks("project/.claude/settings.json", {"PreToolUse": nested("same", matcher="Bash")})
    with open_core({"HOME": str(world.home)}) as core:
        hooks = Hooks(core, env={}).of(world.project)
        matching = hooks.matching(core, "PreToolUse", {"tool_name": "Bash"}, Session(cwd=world.project))

    assert [(hook.command, hook.trusted) for hook in matching] == [("same", True), ("other", True)]


@pytest.mark.req("H2")
def test_only_hooks_that_match_are_run(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {
        "PreToolUse": nested("a", matcher="Bash") + nested("b", matcher="Read") + nested("c", matcher="*"),
        "UserPromptSubmit": nested("d", matcher="zzz"),
        "SessionStart": nested("e", matcher="startup") + nested("f", matcher="resume"),
    })  # fmt: skip

    assert commands(world) == ["a", "c"]
    assert commands(world, "UserPromptSubmit", prompt="x") == ["d"]
    assert commands(world, "SessionStart", source="startup") == ["e"]
    assert commands(world, "Stop") == []


def test_the_condition_is_a_rule_about_the_call(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"PreToolUse": nested({"command": "a", "if": "Bash(rm:*)"})})

    def is_run(tool: str, **given: Any) -> bool:
        return commands(world, tool_name=tool, tool_input=given) == ["a"]

    assert is_run("Bash", command="rm x")
    assert is_run("Bash", command="cd /tmp && rm -rf x")
    assert is_run("Bash", command="sh -c 'rm x'")
    assert not is_run("Bash", command="echo hi")
    assert not is_run("Read", file_path="rm")


@pytest.mark.req("H3")
def test_hooks_are_switched_off_by_the_user_and_by_no_project(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("mine")})
    world.hooks("project/.claude/settings.json", {"Stop": nested("theirs")}, disableAllHooks=True)

    assert [hook.command for hook in found(world).of("Stop")] == ["theirs", "mine"]

    world.hooks("home/.claude/settings.json", {"Stop": nested("mine")}, disableAllHooks=True)
    off = found(world)

    assert off.of("Stop") == () and off.asking == ()
    assert "disableAllHooks" in off.disabled and len(off.hooks) == 2


def test_variables_of_the_user_and_of_a_project_are_kept_apart(world: HookWorld) -> None:
    world.write("home/.claude/settings.json", {"env": {"MINE": "1"}})
    world.write("project/.claude/settings.json", {"env": {"THEIRS": "2"}})

    result = found(world)

    assert (result.env, result.project_env) == ({"MINE": "1"}, {"THEIRS": "2"})


async def test_what_did_not_change_is_the_same_object_and_a_change_is_seen(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("one")})
    async with world.working() as working:
        before, again = working.found, working.found
        world.hooks("home/.claude/settings.json", {"Stop": nested("two", "three")})
        after = working.found

    assert before is again
    assert [hook.command for hook in after.of("Stop")] == ["two", "three"]


# -- Python hooks


@pytest.mark.req("H3")
def test_python_hooks_are_found_in_home_and_project_and_say_how_they_want_to_be_run(world: HookWorld) -> None:
    mine = world.write("home/.claude/hooks/pre_input.py", "TIMEOUT = 2\nPERMISSIONS = ['net']\nprint('x')\n")
    theirs = world.write("project/.claude/hooks/pre_input.py", "print('y')\n")
    world.write("project/.codex/hooks/pre_input.py", "print('hidden by the one before it')\n")
    world.write("project/.claude/hooks/post_output.py", "BUFFERS = True\n")

    result = found(world)

    first, second = result.of("pre_input")
    (post,) = result.of("post_output")
    assert (first.source, first.trusted, first.timeout, first.permissions) == (mine, True, 2.0, ("net",))
    assert (second.source, second.trusted, second.permissions) == (theirs, False, None)
    assert (post.buffers, post.shape) == (True, "python")


@pytest.mark.parametrize(
    "text", ["TIMEOUT = -1\nPERMISSIONS = 5\nBUFFERS = 1\n", "TIMEOUT = f()\n", "(" * 5000, "\0", "x ="]
)
def test_a_python_hook_that_declares_nonsense_is_run_as_one_that_declares_nothing(world: HookWorld, text: str) -> None:
    world.write("home/.claude/hooks/post_output.py", text)

    (hook,) = found(world).of("post_output")

    assert (hook.timeout, hook.permissions, hook.buffers) == (None, None, False)


def test_another_text_is_another_python_hook(world: HookWorld) -> None:
    path = world.write("project/.claude/hooks/pre_input.py", "print(1)\n")
    before = found(world).of("pre_input")[0].digest
    path.write_text("print(2)\n", encoding="utf-8")

    assert found(world).of("pre_input")[0].digest != before


@pytest.mark.abuse("B01")
def test_a_link_out_of_the_project_is_no_hook_of_it(world: HookWorld) -> None:
    outside = world.write("elsewhere.py", "print('x')\n")
    link = world.project / ".claude/hooks/pre_input.py"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)

    assert found(world).of("pre_input") == ()


def test_what_others_can_write_is_not_trusted(world: HookWorld) -> None:
    world.write("home/.claude/hooks/pre_input.py", "print('x')\n").chmod(0o666)

    assert [hook.trusted for hook in found(world).of("pre_input")] == [False]
