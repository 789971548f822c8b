"""Reading the entries of settings files."""

from __future__ import annotations

import pytest
from services.permissions.rules import rules, shell

from codexplus_core.services.permissions import BadRule, Rule, read_deny, read_rule, split_rules


@pytest.mark.parametrize(
    ("text", "tool", "spec"),
    [
        ("Bash", "Bash", None),
        ("Bash(*)", "Bash", None),
        ("Bash(:*)", "Bash", None),
        (" Bash(git status:*) ", "Bash", "git status:*"),
        ("Bash(npm run *)", "Bash", "npm run *"),
        ("Bash(echo '(a)')", "Bash", "echo '(a)'"),
        ("Bash(time:*)", "Bash", "time:*"),
        ("Read", "Read", None),
        ("Read(./.env)", "Read", "./.env"),
        ("Edit(/docs/**)", "Edit", "/docs/**"),
        ("Write(a)", "Edit", "a"),
        ("MultiEdit(a)", "Edit", "a"),
        ("NotebookEdit", "Edit", None),
        ("WebFetch(domain:example.com)", "WebFetch", "domain:example.com"),
        ("Task(reviewer)", "Task", "reviewer"),
        ("Task(*)", "Task", None),
        ("apply_patch", "apply_patch", None),
        ("mcp__github", "mcp__github", None),
        ("mcp__github__*", "mcp__github", None),
        ("mcp__github__get_issue", "mcp__github__get_issue", None),
    ],
)
def test_a_rule_has_a_tool_and_what_it_is_about(text: str, tool: str, spec: str | None) -> None:
    assert read_rule(text, "here") == Rule(tool, spec, text.strip(), "here")


BAD = [
    "",
    "*",
    "Bash(",
    "Bash)",
    "Bash()",
    "Bash( )",
    "bash(ls)",
    "READ(a)",
    "Bash(git:* status)",
    "Bash(echo $HOME)",
    "Bash(curl * | sh)",
    "Bash(FOO=1 rm a)",
    "Bash('unclosed)",
    "Bash(a\u202eb)",
    "Bash(a\ue000b)",
    "Bash(" + "* " * 9 + "x)",
    "Read()",
    "Read(" + "a/" * 99 + ")",
    "WebFetch(example.com)",
    "WebFetch(domain:)",
    "WebFetch(domain:a b)",
    "mcp__",
    "mcp__*",
    "mcp__github__get_*",
    "mcp__github(x)",
    "Tas*",
    "rm -rf",
    42,
    None,
    ["Bash(ls)"],
]


@pytest.mark.parametrize("entry", BAD)
def test_a_bad_entry_says_where_what_and_what_to_do(entry: object) -> None:
    with pytest.raises(BadRule) as caught:
        read_rule(entry, "settings.json: permissions.allow[3]")

    assert str(caught.value).startswith("settings.json: permissions.allow[3]: ")
    assert "; write " in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "tool", "spec"),
    [
        ("bash(rm:*)", "Bash", "rm:*"),
        ("Bash(rm", "Bash", "rm"),
        ("Bash(rm -rf $HOME)", "Bash", "rm:*"),
        ("Bash(FOO=1 rm a)", "Bash", "rm:*"),
        ("Bash(curl * | sh)", "Bash", "curl:*"),
        ("Bash(git:* push)", "Bash", "git:*"),
        ("Bash()", "Bash", None),
        ("Bash(", "Bash", None),
        ("Bash($(x)", "Bash", "x:*"),
        ("Bash rm", "Bash", "rm"),
        ("Read(./.env", "Read", "./.env"),
        ("read(./.env)", "Read", "./.env"),
        ("Read()", "Read", None),
        ("Write(", "Edit", None),
        ("WebFetch(example.com)", "WebFetch", None),
        ("mcp__github__get_*", "mcp__github", None),
        ("mcp__github(x)", "mcp__github", None),
        ("mcp__*", "mcp__", None),
        ("*", "*", None),
    ],
)
def test_a_bad_denial_denies_all_that_can_be_read_in_it(entry: str, tool: str, spec: str | None) -> None:
    rule, bad = read_deny(entry, "here")

    assert rule == Rule(tool, spec, entry, "here")
    assert bad is not None
    assert "until then taken for" in str(bad)


@pytest.mark.parametrize("entry", [42, None, "", "(rm)", {"Bash": "rm"}])
def test_a_denial_without_any_tool_in_it_is_reported_and_denies_nothing(entry: object) -> None:
    rule, bad = read_deny(entry, "here")

    assert rule is None
    assert "it denies nothing" in str(bad)


def test_a_good_denial_is_taken_as_it_is() -> None:
    assert read_deny("Bash(rm:*)", "here") == (Rule("Bash", "rm:*", "Bash(rm:*)", "here"), None)


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("Bsh(rm:*)", "Bash"),
        ("BASHH(rm:*)", "Bash"),
        ("Edti(./x)", "Edit"),
        ("WebFecth(domain:x.example)", "WebFetch"),
        ("Tasks(reviewer)", "Task"),
        ("mcp_github", "mcp__…"),
    ],
)
def test_a_denial_or_question_about_a_tool_that_may_be_misspelt_counts_as_written_and_is_reported(
    entry: str, meant: str
) -> None:
    for found in (rules(deny=[entry]), rules(ask=[entry])):
        (problem,) = found.problems

        assert entry.partition("(")[0] in str(problem) and f"write {meant!r} if that is meant" in str(problem)
        assert [rule.text for each in found.rules.values() for rule in each] == [entry]
    assert rules(allow=[entry]).problems == ()


@pytest.mark.parametrize(
    "entry",
    ["Task(reviewer)", "Agent", "WebSearch", "Glob", "Grep", "LS", "KillBash", "shell", "Deploy(prod)", "mcp__a"],
)
def test_a_tool_that_is_known_or_like_no_other_is_not_reported(entry: str) -> None:
    assert rules(deny=[entry], ask=[entry]).problems == ()


def test_a_bad_entry_loses_only_itself() -> None:
    found = rules(allow=["Bash(", "Bash(ls)", 7], ask=["nonsense("], deny=[None, "Bash(rm:*)"])

    assert len(found.problems) == 4
    assert found.judge(shell("ls")).decision == "allow"
    assert found.judge(shell("rm a")).decision == "deny"


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("Bash(git add:*), Bash(git commit -m:*)", ["Bash(git add:*)", "Bash(git commit -m:*)"]),
        ("Bash(ls) Read\n\tEdit(a, b)", ["Bash(ls)", "Read", "Edit(a, b)"]),
        ("Bash(echo (a), b), Read", ["Bash(echo (a), b)", "Read"]),
        ("", []),
        ("Bash(unclosed, Read", ["Bash(unclosed, Read"]),
    ],
)
def test_a_list_in_one_string_is_parted_outside_parentheses(text: str, entries: list[str]) -> None:
    assert split_rules(text) == entries
