"""A project's ``permissions.allow`` counts once its user has read it and said yes, and until it changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from services.config.world import World

from codexplus_core import Session
from codexplus_core.cli.main import main
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.permissions import Argv
from codexplus_core.services.reviewed import EVERY_S, ReviewedRules, ignored_here, rules_asked_for
from codexplus_core.services.rules import Permissions

RULES = {"permissions": {"allow": ["Bash(touch:*)", "Bash(rm:*)"], "deny": ["Bash(touch evil)"]}}
FILE = "project/.claude/settings.json"


class Reviewing:
    """A world, its approvals, and a clock that is moved by hand."""

    def __init__(self, root: Path) -> None:
        self.world = World(root)
        self.state = root / "state"
        self.state.mkdir(0o700)
        self.now = 0.0
        self.approvals = Approvals(self.state)
        reviewed = ReviewedRules(self.state, clock=lambda: self.now)
        self.permissions = Permissions(self.world.config(), home=self.world.home, reviewed=reviewed)

    def say_yes(self) -> str:
        asked = rules_asked_for(self.world.config().for_project(self.world.project))
        assert asked is not None
        (grant,) = self.approvals.allow_now([asked])
        self.now += EVERY_S
        return grant.id

    def decision(self, *argv: str) -> str:
        session = Session("s", "t", cwd=self.world.project)
        return self.permissions.judge(Argv(argv), session=session).decision


@pytest.fixture
def reviewing(tmp_path: Path) -> Reviewing:
    return Reviewing(tmp_path)


@pytest.mark.req("X3")
def test_rules_that_the_user_has_said_yes_to_allow(reviewing: Reviewing) -> None:
    reviewing.world.write(FILE, RULES)
    reviewing.world.write("home/.claude/settings.json", {"permissions": {"deny": ["Bash(rm:*)"]}})

    before = reviewing.decision("touch", "all")
    reviewing.say_yes()

    assert (before, reviewing.decision("touch", "all")) == ("ask", "allow")
    assert reviewing.decision("touch", "evil") == reviewing.decision("rm", "x") == "deny"


@pytest.mark.abuse("B01")
def test_a_changed_rule_or_another_file_is_not_what_was_allowed(reviewing: Reviewing) -> None:
    reviewing.world.write(FILE, RULES)
    reviewing.say_yes()
    assert reviewing.decision("touch", "all") == "allow"

    reviewing.world.write(FILE, {"permissions": {"allow": ["Bash(touch:*)", "Bash(curl:*)"]}})
    changed = reviewing.decision("touch", "all")
    reviewing.world.write(FILE, RULES)
    as_before = reviewing.decision("touch", "all")
    reviewing.world.write("project/.codex/settings.local.json", {"permissions": {"allow": ["Bash(curl:*)"]}})

    assert (changed, as_before, reviewing.decision("touch", "all")) == ("ask", "allow", "ask")


def test_a_yes_that_is_withdrawn_counts_no_longer(reviewing: Reviewing) -> None:
    reviewing.world.write(FILE, RULES)
    id = reviewing.say_yes()
    assert reviewing.decision("touch", "all") == "allow"

    reviewing.approvals.revoke(id)
    reviewing.now += EVERY_S

    assert reviewing.decision("touch", "all") == "ask"


def test_a_copy_of_the_project_begins_with_nothing_allowed(reviewing: Reviewing) -> None:
    reviewing.world.write(FILE, RULES)
    reviewing.say_yes()
    reviewing.world.write("copy/.claude/settings.json", RULES)

    session = Session("s", "t", cwd=reviewing.world.root / "copy")

    assert reviewing.permissions.judge(Argv(("touch", "all")), session=session).decision == "ask"


async def test_rules_are_asked_about_in_threads_too(reviewing: Reviewing) -> None:
    reviewing.world.write(FILE, RULES)
    reviewing.say_yes()

    assert await asyncio.to_thread(reviewing.decision, "touch", "all") == "allow"
    assert reviewing.decision("touch", "all") == "allow"


@pytest.mark.abuse("B01")
def test_where_only_the_administrators_rules_allow_no_yes_helps(reviewing: Reviewing) -> None:
    reviewing.world.write(FILE, RULES)
    reviewing.world.write("etc/policy.yaml", {"allowManagedPermissionRulesOnly": True})
    reviewing.say_yes()

    assert reviewing.decision("touch", "all") == "ask"


def test_what_is_listed_as_ignored_is_what_does_not_count(
    reviewing: Reviewing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_PLUS_HOME", str(reviewing.state))
    reviewing.world.write(FILE, RULES)
    settings = reviewing.world.config().for_project(reviewing.world.project)

    (notice,) = ignored_here(settings)
    reviewing.say_yes()

    assert notice.key == "permissions.allow" and "approvals allow --project" in str(notice)
    assert ignored_here(settings) == []


def test_settings_that_allow_nothing_ask_for_nothing(reviewing: Reviewing) -> None:
    reviewing.world.write(FILE, {"permissions": {"deny": ["Bash"]}})
    reviewing.world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash(touch:*)"]}})

    assert rules_asked_for(reviewing.world.config().for_project(reviewing.world.project)) is None
    assert rules_asked_for(reviewing.world.config().for_project(None)) is None


@pytest.mark.req("X3")
def test_the_command_line_lists_them_and_lets_them_count(
    reviewing: Reviewing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(reviewing.world.home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(reviewing.state))
    reviewing.world.write(FILE, RULES)

    code = main(["approvals", "allow", "--project", str(reviewing.world.project)])
    said = capsys.readouterr().out
    reviewing.now += EVERY_S

    assert code == 0
    assert "permissions.allow of the project" in said and ".claude/settings.json: Bash(touch:*)" in said
    assert reviewing.decision("touch", "all") == "allow"
