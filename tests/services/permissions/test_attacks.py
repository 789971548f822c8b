"""Attacks on rules for commands, each with the rule that seems to let it through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.permissions.attacks import (
    DENIED_COMMANDS,
    NAMED_RUNNERS,
    RUNNERS,
    SUBCOMMANDS,
    TWO_DASHES,
    WRITERS,
)
from services.permissions.ordinary import LEFT_ALONE, ORDINARY
from services.permissions.rules import PROJECT, rules, shell

from codexplus_core.services.permissions import Argv, Fetch, ShellText


@pytest.mark.abuse("D05")
@pytest.mark.parametrize(("rule", "text"), TWO_DASHES)
def test_two_dashes_hide_no_option_from_a_rule(rule: str, text: str) -> None:
    assert rules(allow=[rule]).judge(shell(text)).decision == "ask"
    assert rules(allow=[rule]).judge(Argv(tuple(text.split()), str(PROJECT))).decision == "ask"
    assert rules(allow=[f"Bash({text})"]).judge(shell(text)).decision == "allow"


VALUED = ["-e", "-S", "-G", "--grep", "--author", "-n", "--stat", "-q", "--", "--format", "-M", "--since", "-ie"]
DANGEROUS = ["--output=x", "--ext-diff", "--textconv", "--open-files-in-pager=x", "--no-index", "--show-signature"]


@pytest.mark.abuse("D05")
@given(
    st.sampled_from(["log", "diff", "show", "grep", "blame"]),
    st.lists(st.sampled_from(VALUED), max_size=6),
    st.sampled_from(DANGEROUS),
    st.integers(min_value=4, max_value=30),
    st.lists(st.sampled_from(["x", "--", "-p", "HEAD"]), max_size=3),
)
def test_a_dangerous_option_is_seen_wherever_it_stands(
    subcommand: str, before: list[str], option: str, length: int, after: list[str]
) -> None:
    found = rules(allow=["Bash", "Bash(git:*)", f"Bash(git {subcommand}:*)"])
    name, equals, value = option.partition("=")
    # `git log -- --output`: behind the first two dashes of all there are no options.
    before = before[next((place for place, word in enumerate(before) if word != "--"), len(before)) :]

    verdict = found.judge(Argv(("git", subcommand, *before, name[:length] + equals + value, *after)))

    assert verdict.decision == "ask"


@pytest.mark.abuse("D05", "D07")
@pytest.mark.parametrize(("rule", "text"), SUBCOMMANDS)
def test_no_other_word_for_a_subcommand_runs_what_its_rule_does_not_name(rule: str, text: str) -> None:
    assert rules(allow=[rule]).judge(shell(text)).decision == "ask"
    assert rules(allow=[f"Bash({text})"]).judge(shell(text)).decision == "allow"


@pytest.mark.abuse("D05")
@pytest.mark.parametrize(("rule", "text"), WRITERS)
def test_no_option_writes_where_its_rule_does_not_say(rule: str, text: str) -> None:
    assert rules(allow=[rule]).judge(shell(text)).decision == "ask"


@pytest.mark.abuse("D07")
@pytest.mark.parametrize("text", RUNNERS)
def test_the_rule_for_everything_covers_no_program_that_runs_others(text: str) -> None:
    assert rules(allow=["Bash"]).judge(shell(text)).decision == "ask"
    assert rules(allow=["Bash(*)"]).judge(shell(text)).decision == "ask"


@pytest.mark.abuse("D07")
@pytest.mark.parametrize(("rule", "text"), NAMED_RUNNERS)
def test_nor_does_a_rule_with_the_name_of_such_a_program(rule: str, text: str) -> None:
    assert rules(allow=[rule]).judge(shell(text)).decision == "ask"


@pytest.mark.abuse("D07")
@pytest.mark.parametrize("runner", ["unheard-of", "./tool", "/opt/x/launch", "x-y.z", "a1"])
@pytest.mark.parametrize("shell_name", ["sh", "bash", "/bin/dash", "zsh-5.9", "busybox", "python3", "perl", "node"])
def test_no_unknown_program_starts_a_shell_unasked(runner: str, shell_name: str) -> None:
    found = rules(allow=["Bash", f"Bash({runner}:*)"])
    texts = [f"{runner} {shell_name} x", f"{runner} -v '{shell_name} -c x'", f"{runner} 'true; {shell_name} x'"]
    if "-" in shell_name or shell_name == "busybox":
        found = rules(allow=["Bash"])

    assert {found.judge(shell(text)).decision for text in texts} == {"ask"}


@pytest.mark.abuse("D06", "D07")
@pytest.mark.req("X3")
@pytest.mark.parametrize(("rule", "text"), DENIED_COMMANDS)
def test_a_denied_command_is_recognised_in_another_spelling(rule: str, text: str) -> None:
    assert rules(allow=["Bash"], deny=[rule]).judge(shell(text)).decision == "deny"
    assert rules(allow=[f"Bash({text})"] if "$" not in text else [], deny=[rule]).judge(shell(text)).decision == "deny"


@pytest.mark.abuse("D06")
@pytest.mark.parametrize("name", ["rm", "RM", "/bin/rm", "../bin/rm", "rm.exe", "C:\\\\bin\\\\rm.exe", "'rm'", "r''m"])
@pytest.mark.parametrize("before", ["", "git status; ", "ls && ", "echo a | ", "ls\n"])
def test_a_denied_program_is_recognised_in_a_text_that_is_understood(name: str, before: str) -> None:
    found = rules(allow=["Bash"], deny=["Bash(rm:*)"])

    assert found.judge(shell(f"{before}{name} a")).decision == "deny"


@pytest.mark.parametrize(("rule", "text"), ORDINARY)
def test_an_ordinary_rule_allows_an_ordinary_command(rule: str, text: str) -> None:
    verdict = rules(allow=[rule]).judge(shell(text))

    assert (verdict.decision, verdict.reason.partition(":")[0]) == ("allow", verdict.reason.partition(":")[0])


@pytest.mark.parametrize(("rule", "text"), LEFT_ALONE)
def test_a_denying_rule_leaves_ordinary_commands_alone(rule: str, text: str) -> None:
    verdict = rules(allow=["Bash"], deny=[rule]).judge(shell(text))

    assert (verdict.decision != "deny") or verdict.reason == ""


def test_the_ordinary_commands_are_many() -> None:
    assert len(set(ORDINARY)) == len(ORDINARY) >= 80
    assert len(set(LEFT_ALONE)) == len(LEFT_ALONE) >= 40


MOVES = ("cd /tmp/evil", "cd node_modules/evil", "cd", "cd ..", "chdir x", "/bin/cd x")
STAYS = ("ls", "ls -la", "cat", "rm a", "echo x")


@pytest.mark.abuse("D01", "D07")
@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("Bash(make build)", "make build"),
        ("Bash(npm test)", "npm test"),
        ("Bash(pnpm:*)", "pnpm build"),
        ("Bash(yarn:*)", "yarn build"),
        ("Bash(cargo:*)", "cargo build"),
        ("Bash(go:*)", "go test ./..."),
        ("Bash(pytest:*)", "pytest"),
        ("Bash(eslint:*)", "eslint ."),
        ("Bash(mytool:*)", "mytool"),
        ("Bash(python3 setup.py build)", "python3 setup.py build"),
        ("Bash(/usr/bin/make all)", "/usr/bin/make all"),
        ("Bash(./build:*)", "./build"),
        ("Bash(git status)", "git status"),
        ("Bash(rm -rf build)", "rm -rf build"),
        ("Bash(touch src/*)", "touch src/a"),
        ("Bash(cat README.md)", "cat README.md"),
    ],
)
def test_what_runs_in_another_folder_is_not_what_its_rule_meant(move: str, rule: str, text: str) -> None:
    found = rules(allow=["Bash(cd:*)", "Bash(chdir:*)", "Bash(/bin/cd:*)", "Bash(ls:*)", rule])

    assert found.judge(shell(text)).decision == "allow"
    for joint in ("&&", ";", "||", "\n"):
        assert found.judge(shell(f"{move} {joint} ls {joint} {text}")).decision == "ask"
    assert rules(allow=[f"Bash({move} && {text})"]).judge(shell(f"{move} && {text}")).decision == "allow"


@pytest.mark.parametrize(
    "text", ["cd sub && ls -la", "cd sub; cat a.py | head -3", "git status && cd sub && ls", "cd s && /bin/ls"]
)
def test_what_does_the_same_in_any_folder_goes_on_after_cd(text: str) -> None:
    programs = ("cd", "git", "ls", "cat", "head", "/bin/ls")
    found = rules(allow=[f"Bash({program}:*)" for program in programs])

    assert found.judge(shell(text)).decision == "allow"


@pytest.mark.parametrize(
    "host", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:FFFF:7F00:0001]", "[64:ff9b::7f00:1]", "2130706433"]
)
def test_an_address_in_another_dress_is_denied(host: str) -> None:
    found = rules(allow=["WebFetch"], deny=["WebFetch(domain:127.0.0.1)"])

    assert found.judge(Fetch(f"http://{host}/")).decision == "deny"
    assert rules(allow=["WebFetch"]).judge(Fetch(f"http://{host}/")).decision == "ask"


def test_a_line_without_a_folder_is_judged_too() -> None:
    found = rules(allow=["Bash"], deny=["Read(secrets/key.txt)"])

    assert found.judge(ShellText("cd secrets && cat key.txt")).decision == "deny"
