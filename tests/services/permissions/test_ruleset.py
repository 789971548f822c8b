"""Layers, the order of decisions, and the requests that are neither shell nor files."""

from __future__ import annotations

import itertools

import pytest
from services.permissions.rules import PROJECT, edit, rules, shell

from codexplus_core.services.permissions import Argv, Layer, McpTool, Other, RuleSet, ShellText, WindowsText


def test_without_any_rule_everything_is_asked_about() -> None:
    found = RuleSet([])

    for request in (shell("ls"), Argv(("ls",)), WindowsText("dir"), edit("x"), McpTool("a", "b"), Other("Task", "x")):
        assert found.judge(request).decision == "ask"


@pytest.mark.abuse("C16")
def test_denying_beats_asking_beats_allowing_whatever_the_order_of_the_layers() -> None:
    allow, ask, deny = (Layer.of({key: ["Bash(touch:*)"]}, key, grants=True) for key in ("allow", "ask", "deny"))

    for layers in itertools.permutations((allow, ask, deny)):
        assert RuleSet(layers).judge(shell("touch z")).decision == "deny"
    for layers in itertools.permutations((allow, ask)):
        assert RuleSet(layers).judge(shell("touch z")).decision == "ask"
    assert RuleSet([allow]).judge(shell("touch z")).decision == "allow"


@pytest.mark.abuse("C16")
def test_the_administrators_denial_is_the_one_that_is_named() -> None:
    user = Layer("~/.claude/settings.json", True, allow=("Bash",), deny=("Bash(touch:*)",))
    policy = Layer("policy.yaml", True, deny=("Bash(touch:*)",), enterprise=True)

    verdict = RuleSet([user, policy]).judge(shell("touch z"))

    assert verdict.decision == "deny"
    assert verdict.reason == ("denied by an administrator's rule Bash(touch:*) (policy.yaml: permissions.deny)")


@pytest.mark.abuse("B02")
@pytest.mark.req("X6")
def test_a_project_can_narrow_and_never_grant() -> None:
    permissions = {
        "allow": ["Bash", "Read"],
        "ask": ["Bash(git push:*)"],
        "deny": ["Bash(rm:*)"],
        "defaultMode": "bypassPermissions",
        "additionalDirectories": ["/"],
    }
    project = Layer.of(permissions, ".claude/settings.json", grants=False, root=PROJECT)
    user = Layer("user", True, allow=("Bash(git:*)", "Bash(git push:*)", "Bash(rm:*)"))
    found = RuleSet([user, project])

    assert found.judge(shell("ls")).decision == "ask"
    assert found.judge(shell("git status")).decision == "allow"
    assert found.judge(shell("git push")).decision == "ask"
    assert found.judge(shell("rm a")).decision == "deny"
    assert sorted((entry.key, entry.entry) for entry in found.ignored) == [
        ("additionalDirectories", "['/']"),
        ("allow", "Bash"),
        ("allow", "Read"),
        ("defaultMode", "bypassPermissions"),
    ]
    assert str(found.ignored[-1]).startswith(".claude/settings.json: permissions.allow: 'Read' is ignored: ")


@pytest.mark.parametrize("permissions", [None, {}, {"allow": None}, "Bash", ["Bash"], 5])
def test_a_permissions_object_of_another_shape_grants_nothing(permissions: object) -> None:
    assert RuleSet([Layer.of(permissions, "x", grants=True)]).judge(shell("ls")).decision == "ask"


def test_a_list_may_be_one_string_as_in_frontmatter() -> None:
    found = RuleSet([Layer.of({"allow": "Bash(git add:*), Bash(ls)", "deny": "Bash(rm:*)"}, "x.md", grants=True)])

    assert [found.judge(shell(text)).decision for text in ("git add a", "ls", "rm a", "cat a")] == [
        "allow",
        "allow",
        "deny",
        "ask",
    ]


def test_the_rules_in_force_can_be_listed() -> None:
    found = rules(allow=["Read"], ask=["Edit"], deny=["Bash(rm:*)"])

    assert {key: [rule.text for rule in listed] for key, listed in found.rules.items()} == {
        "deny": ["Bash(rm:*)"],
        "ask": ["Edit"],
        "allow": ["Read"],
    }


def test_every_command_of_a_line_needs_its_rule_and_the_first_without_is_named() -> None:
    found = rules(allow=["Bash(git status:*)", "Bash(wc:*)"])

    verdict = found.judge(shell("git status | wc -l; cat 'a b' && rm x"))

    assert verdict.decision == "ask"
    assert verdict.reason == "no rule allows \"cat 'a b'\""
    assert verdict.canonical == "git status | wc -l; cat 'a b' && rm x"


def test_a_rule_with_the_whole_line_allows_it_with_its_redirections() -> None:
    found = rules(allow=["Bash(echo a | tee x >> log)"])

    assert found.judge(shell("echo  'a' |tee x >>log")).decision == "allow"
    assert found.judge(shell("echo a | tee x")).decision == "ask"


def test_files_that_a_line_writes_are_in_the_answer() -> None:
    verdict = rules(allow=["Bash(echo:*)"]).judge(shell("echo a >> .codex-plus.log"))

    assert verdict.decision == "ask"
    assert [(write.path, write.append) for write in verdict.writes] == [(".codex-plus.log", True)]
    assert ".codex-plus.log" in verdict.reason


@pytest.mark.abuse("D12")
def test_an_administrator_may_have_unclear_commands_denied() -> None:
    found = RuleSet([Layer("u", True, allow=("Bash",))], unclear="deny")

    assert found.judge(shell("echo $(date)")).decision == "deny"
    assert found.judge(shell("echo date")).decision == "allow"


def test_arguments_without_a_shell_are_no_syntax() -> None:
    found = rules(allow=["Bash(echo:*)"], deny=["Bash(rm:*)"])

    assert found.judge(Argv(("echo", "$(rm a)", ";", "rm"))).decision == "allow"
    assert found.judge(Argv(("rm", "a"))).decision == "deny"
    assert found.judge(Argv(("sh", "-c", "rm a"))).decision == "deny"
    assert found.judge(Argv(("echo", "a\u202eb"))).decision == "ask"
    assert found.judge(Argv(())).decision == "ask"
    assert found.judge(Argv(("",))).decision == "ask"


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("dir /b", "allow"),
        (" dir /b ", "allow"),
        ("dir /b src", "ask"),
        ("dir  /b", "ask"),
        ("dir /b & del x", "deny"),
        ("del x", "deny"),
        ("DEL x", "deny"),
        ("d^el x", "deny"),
        ('d""el x', "deny"),
        ("C:\\Windows\\System32\\del.exe x", "deny"),
        ("cmd /c del x", "deny"),
        ("git status", "ask"),
        ("type %USERPROFILE%\\x", "ask"),
        ("echo a\necho b", "ask"),
        ("type .env", "deny"),
        ("type sub\\.env", "deny"),
    ],
)
def test_a_windows_command_is_allowed_by_its_exact_text_only(text: str, decision: str) -> None:
    found = rules(allow=["Bash", "Bash(git:*)", "Bash(dir /b)"], deny=["Bash(del:*)", "Read(.env)"])

    verdict = found.judge(WindowsText(text, "C:/p"))

    assert verdict.decision == decision
    assert verdict.canonical == (text.strip() if decision == "allow" else None)


@pytest.mark.parametrize(
    ("rule", "server", "tool", "allowed"),
    [
        ("mcp__github", "github", "get_issue", True),
        ("mcp__github__*", "github", "get_issue", True),
        ("mcp__github__get_issue", "github", "get_issue", True),
        ("mcp__github__get_issue", "github", "get_issues", False),
        ("mcp__github", "github2", "get_issue", False),
        ("mcp__github", "GitHub", "get_issue", False),
        ("mcp__git", "git__hub", "x", False),
        ("mcp__git__hub__x", "git__hub", "x", False),
        ("mcp__git", "git_", "x", False),
    ],
)
def test_mcp_rules_name_a_server_or_a_tool(rule: str, server: str, tool: str, allowed: bool) -> None:
    assert (rules(allow=[rule]).judge(McpTool(server, tool)).decision == "allow") is allowed


@pytest.mark.parametrize(
    ("rule", "server", "tool"),
    [
        ("mcp__github", "github", "x"),
        ("mcp__github", "GitHub", "x"),
        ("mcp__git", "git__hub", "x"),
        ("mcp__git__hub__x", "git__hub", "x"),
        ("mcp__github__get_*", "github", "set"),
        ("mcp__*", "any", "x"),
    ],
)
def test_a_denied_server_is_denied_under_every_name(rule: str, server: str, tool: str) -> None:
    assert rules(allow=["mcp__any"], deny=[rule]).judge(McpTool(server, tool)).decision == "deny"


def test_other_tools_are_compared_as_they_are() -> None:
    found = rules(allow=["Task(reviewer)", "Skill"], deny=["Task(deployer)"])

    assert found.judge(Other("Task", "reviewer")).decision == "allow"
    assert found.judge(Other("Task", "reviewer2")).decision == "ask"
    assert found.judge(Other("Task", "Deployer ")).decision == "deny"
    assert found.judge(Other("Skill", "any")).decision == "allow"
    assert found.judge(Other("skill", "any")).decision == "ask"


def test_a_denial_of_everything_denies_everything() -> None:
    found = rules(allow=["Bash", "Read", "Skill"], deny=["*"])

    for request in (shell("ls"), Argv(("ls",)), WindowsText("dir"), edit("x"), McpTool("a", "b"), Other("Skill")):
        assert found.judge(request).decision == "deny"


def test_what_follows_cd_is_not_what_its_rule_meant() -> None:
    found = rules(allow=["Bash(cd:*)", "Bash(git:*)", "Bash(ls:*)", "Bash(./build:*)", "Bash(cd sub && git diff)"])

    assert found.judge(ShellText("cd sub && ls")).decision == "allow"
    assert found.judge(ShellText("cd sub && git status")).decision == "ask"
    assert found.judge(ShellText("cd sub; ./build")).decision == "ask"
    assert found.judge(ShellText("cd sub && git diff")).decision == "allow"
