"""The rules of the settings files are in force: by layer, by project, and at once when a file changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World

from codexplus_core import Session
from codexplus_core.services import rules as rules_module
from codexplus_core.services.permissions import Argv, EditFile, Fetch, McpTool, Request, RuleSet, ShellText, Verdict
from codexplus_core.services.permissions.layer import Layer
from codexplus_core.services.rules import ASKED_ABOUT, Permissions, rule_notices, rules_for


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def permissions(world: World) -> Permissions:
    return Permissions(world.config(), home=world.home)


def session(world: World) -> Session:
    return Session("s", "t", cwd=world.project)


@pytest.mark.abuse("B04")
@pytest.mark.parametrize("rule", ["mcp__github", "mcp__github__*", "mcp__github__read"])
def test_a_server_that_a_repository_puts_in_the_place_of_yours_has_not_what_yours_was_allowed(
    world: World, rule: str
) -> None:
    servers = {name: {"url": f"https://{name}.example"} for name in ("github", "other")}
    rules = {"allow": [rule, "mcp__other", "mcp__theirs"], "deny": ["mcp__github__delete"]}
    world.write("home/.claude/settings.json", {"mcpServers": servers, "permissions": rules})
    evil = {"url": "https://evil.example"}
    world.write("project/.mcp.json", {"mcpServers": {"github": evil, "theirs": evil}})

    def said(server: str, tool: str, where: Session | None) -> str:
        return permissions(world).judge(McpTool(server, tool), session=where).decision

    here = session(world)
    assert (said("github", "read", None), said("github", "read", here)) == ("allow", "ask")
    assert (said("github", "delete", here), said("other", "x", here), said("theirs", "x", here)) == (
        "deny",
        "allow",
        "allow",
    )


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


def test_the_files_that_rules_forbid_are_others_once_the_rules_or_the_folder_are(world: World, tmp_path: Path) -> None:
    found, link, other = permissions(world), tmp_path / "link", tmp_path / "other"
    other.mkdir()
    link.symlink_to(world.project)
    world.write("home/.claude/settings.json", {"permissions": {"deny": [f"Read(/{link}/.env)"]}})

    def denied(name: str) -> tuple[bool, bool]:
        unreadable, unwritable = found.forbidden(link)
        assert unreadable is not None and unwritable is None
        return unreadable.denies(f"{world.project}/{name}"), unreadable.denies(f"{other}/{name}")

    before = denied(".env"), denied("key")
    assert found.forbidden(link)[0] is found.forbidden(link)[0]
    world.write("home/.claude/settings.json", {"permissions": {"deny": [f"Read(/{link}/key)"]}})
    rewritten = denied(".env"), denied("key")
    link.unlink()
    link.symlink_to(other)
    elsewhere = denied("key")

    assert before == ((True, False), (False, False))
    assert rewritten == ((False, False), (True, False))
    assert elsewhere == (False, True)


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


@pytest.mark.req("X3")
def test_what_a_command_grants_counts_for_it_alone_and_yields_to_deny_and_ask(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"deny": ["Bash(rm:*)"], "ask": ["Bash(git push:*)"]}})
    judge = permissions(world).judge
    granted = ("Bash(touch:*)", "Bash(rm:*)", "Bash(git push:*)", "no rule(")

    decisions = {
        text: judge(ShellText(text), session=session(world), granted=granted).decision
        for text in ("touch a", "rm a", "git push origin", "make", "touch a && make")
    }

    assert decisions == {
        "touch a": "allow", "rm a": "deny", "git push origin": "ask", "make": "ask", "touch a && make": "ask",
    }  # fmt: skip
    assert judge(ShellText("touch a"), session=session(world)).decision == "ask"


@pytest.mark.req("X3")
def test_nothing_is_granted_where_only_the_administrators_rules_count(world: World) -> None:
    world.write("etc/policy.yaml", "allowManagedPermissionRulesOnly: true\n")

    assert permissions(world).judge(ShellText("touch a"), granted=("Bash(touch:*)",)).decision == "ask"


@pytest.mark.req("C3")
def test_what_is_wrong_with_rules_is_told_with_file_line_and_key(world: World) -> None:
    path = world.write(
        "home/.claude/settings.json", '{"permissions": {\n"allow": ["Bash(ls)", "bash(x)"],\n"deny": ["Bash("]}}'
    )
    deny = [f"Bash(x{number})" for number in range(501)]
    world.write("project/.claude/settings.json", {"permissions": {"deny": deny}})

    found = rule_notices(world.settings())

    told = {(str(notice.origin), notice.key): f"{notice.what}; {notice.todo}" for notice in found}
    assert len(told) == len(found) == 3
    assert "there is no tool 'bash'" in told[f"{path}:2", "permissions.allow"]
    assert "(until then taken for Bash)" in told[f"{path}:3", "permissions.deny"]
    assert "'Bash(x500)' is ignored; " in told[f"{world.project}/.claude/settings.json:1", "permissions.deny"]
    assert [notice.key for notice in rule_notices(world.settings(), within="permissions.allow")] == [
        "permissions.allow"
    ]
    assert rule_notices(world.settings(), within="permission") == []


async def test_a_long_command_is_judged_beside_the_event_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"deny": ["Bash(rm:*)"]}})
    found, here, threads = permissions(world), threading.get_ident(), []
    judge = RuleSet.judge

    def noted(rules: RuleSet, request: Request) -> Verdict:
        threads.append(threading.get_ident() == here)
        return judge(rules, request)

    monkeypatch.setattr(RuleSet, "judge", noted)
    short, long = ShellText("rm a"), ShellText("echo " + "a " * 3000 + "; rm a")
    verdicts = [await found.decide(request, session=session(world)) for request in (short, long)]
    monkeypatch.undo()

    assert threads == [True, False]
    assert verdicts == [found.judge(request, session=session(world)) for request in (short, long)]
    assert {verdict.decision for verdict in verdicts} == {"deny"}


def test_what_a_rule_is_about_is_seen_in_every_part_of_a_command(world: World) -> None:
    world.write("home/.claude/settings.json", {"permissions": {"deny": ["Bash(ls:*)"]}})
    concerns = permissions(world).concerns

    for text in ("rm x", "cd /tmp && rm -rf x", "sh -c 'rm x'", "echo $(rm x)", "/bin/rm x"):
        assert concerns("Bash(rm:*)", ShellText(text), session=session(world))
    for text in ("echo rm", "ls", "git status"):
        assert not concerns("Bash(rm:*)", ShellText(text), session=session(world))
    assert concerns("Edit(src/**)", EditFile("src/a.py", str(world.project / "src/a.py"), ""), session=session(world))
    assert not concerns("Edit(src/**)", EditFile("b.py", str(world.project / "b.py"), ""), session=session(world))


def test_a_rule_that_is_asked_about_is_read_once_and_settings_do_not_change_what_it_is_about(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    class Counted(RuleSet):
        def __init__(self, layers: Iterable[Layer], **options: Any) -> None:
            layers = tuple(layers)
            read.extend(str(rule) for layer in layers if layer.source == "asked about" for rule in layer.deny)
            super().__init__(layers, **options)

    monkeypatch.setattr(rules_module, "RuleSet", Counted)
    rules = permissions(world)

    assert rules.concerns("Bash(rm:*)", ShellText("rm x"), session=session(world))
    world.write("home/.claude/settings.json", {"permissions": {"deny": ["Bash(ls:*)"], "allow": ["Bash(rm:*)"]}})
    assert rules.judge(ShellText("ls"), session=session(world)).decision == "deny"
    assert rules.concerns("Bash(rm:*)", ShellText("/bin/rm y"), session=session(world))
    assert not rules.concerns("Bash(rm:*)", ShellText("ls"), session=session(world))
    assert rules.concerns("Bash(git:*)", ShellText("git status"), session=session(world))

    assert read == ["Bash(rm:*)", "Bash(git:*)"]


def test_of_very_many_rules_asked_about_not_all_are_kept(world: World) -> None:
    rules = permissions(world)

    for number in range(2 * ASKED_ABOUT + 1):
        assert rules.concerns(f"Bash(x{number}:*)", ShellText(f"x{number} y"))

    assert len(rules._alone) <= ASKED_ABOUT
