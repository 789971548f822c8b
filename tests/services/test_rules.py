"""The rules of the settings files are in force: by layer, by project, and at once when a file changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.config.world import World

from codexplus_core import Session
from codexplus_core.services.permissions import Argv, EditFile, Fetch, ShellText
from codexplus_core.services.rules import Permissions, rules_for


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def permissions(world: World) -> Permissions:
    return Permissions(world.config(), home=world.home)


def session(world: World) -> Session:
    return Session("s", "t", cwd=world.project)


@pytest.mark.req("X3")
def test_a_repository_can_forbid_and_not_allow(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash(ls:*)"]}})
    world.write(
        "project/.claude/settings.json", {"permissions": {"allow": ["Bash(make:*)"], "deny": ["Bash(ls -R:*)"]}}
    )
    judge = permissions(world).judge

    assert judge(Argv(("ls", "-l")), session=session(world)).decision == "allow"
    assert judge(Argv(("ls", "-R")), session=session(world)).decision == "deny"
    assert judge(Argv(("make",)), session=session(world)).decision == "ask"
    assert judge(Argv(("ls", "-R"))).decision == "allow"


@pytest.mark.req("X3")
def test_the_administrators_denial_is_named_as_such(world: World) -> None:
    world.write("etc/policy.yaml", "security:\n  permissions:\n    deny: ['WebFetch(domain:evil.test)']\n")
    world.write("home/.claude/settings.json", {"permissions": {"allow": ["WebFetch"]}})

    verdict = permissions(world).judge(Fetch("https://evil.test/x"))

    assert verdict.decision == "deny" and "an administrator's rule" in verdict.reason
    assert "policy.yaml" in verdict.reason


def test_a_path_begins_at_the_folder_of_its_own_settings(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"deny": ["Edit(/locked/**)"]}})
    world.write("project/.claude/settings.json", {"permissions": {"deny": ["Edit(/locked/**)"]}})
    judge = permissions(world).judge

    for folder, decision in ((world.project, "deny"), (world.home / ".claude", "deny"), (world.root, "ask")):
        path = str(folder / "locked/x")
        assert judge(EditFile(path, path, str(world.project)), session=session(world)).decision == decision


def test_a_change_of_a_file_counts_at_once(world: World) -> None:
    found = permissions(world)
    assert found.judge(ShellText("rm x"), session=session(world)).decision == "ask"
    known = found.rules(world.project)
    assert found.rules(world.project) is known

    world.write("project/.claude/settings.json", {"permissions": {"deny": ["Bash(rm:*)"]}})

    assert found.judge(ShellText("rm x"), session=session(world)).decision == "deny"


def test_only_the_administrators_permission_counts_where_the_policy_says_so(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash(ls:*)"], "deny": ["Bash(rm:*)"]}})
    world.write("etc/policy.yaml", "allowManagedPermissionRulesOnly: true\npermissions:\n  allow: ['Bash(pwd)']\n")

    rules = rules_for(world.settings())

    decisions = [rules.judge(Argv((name,))).decision for name in ("ls", "pwd", "rm")]
    assert decisions == ["ask", "allow", "deny"]


@pytest.mark.parametrize("broken", ["Bash(rm", "Read()", 7])
def test_a_bad_rule_is_named_with_its_file_and_line(world: World, broken: object) -> None:
    world.write("project/.claude/settings.json", {"permissions": {"deny": ["Bash(ok)", broken]}})

    problems = rules_for(world.settings()).problems

    # What is no text at all was left out by whoever read the file, and named there.
    assert [str(problem).startswith(str(world.project)) for problem in problems] == ([] if broken == 7 else [True])
