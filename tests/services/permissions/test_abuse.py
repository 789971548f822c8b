"""The abuse cases about shell commands, one by one, under the rules that each of them names."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from services.permissions.rules import rules, shell
from services.permissions.shells import likely_text, wild_text

from codexplus_core.services.permissions import (
    Argv,
    Request,
    RuleSet,
    ShellText,
    Understood,
    WindowsText,
    read_shell,
    ruleset,
)

RULES = rules(allow=["Bash(git:*)", "Bash(echo:*)"], deny=["Bash(rm:*)"])
WIDE = rules(allow=["Bash"], deny=["Bash(rm:*)"])


def decisions(texts: list[str], found: RuleSet = RULES) -> set[str]:
    return {found.judge(shell(text)).decision for text in texts}


@pytest.mark.abuse("D01")
@pytest.mark.parametrize("joint", [";", "&&", "||", "|", "|&", "&", "\n", "\r\n", ";\n", "&&\n", " ; ", "\n\n"])
def test_each_command_of_a_line_needs_its_own_rule(joint: str) -> None:
    assert decisions([f"git status{joint}ls", f"ls{joint}git status"]) == {"ask"}
    assert decisions([f"git status{joint}rm a", f"rm a{joint}git status"]) == {"deny"}


@pytest.mark.abuse("D02")
@pytest.mark.parametrize(
    "text",
    [
        "$(ls)",
        "`ls`",
        "${x:-$(ls)}",
        "$((1))",
        "<(ls)",
        ">(ls)",
        "<<< x",
        "<<E\nls\nE",
        '"$(ls)"',
        '"`ls`"',
        "$x",
        "$'x'",
    ],
)
def test_substitutions_are_asked_about(text: str) -> None:
    assert decisions([f"echo {text}", f"git log {text}"]) == decisions([f"echo {text}"], WIDE) == {"ask"}


@pytest.mark.abuse("D03")
@pytest.mark.parametrize(
    "redirect", [">f", ">>f", "> f", "2>f", "&>f", ">|f", "<f", "<>f", ">&f", "3>f", "> /dev/tcp/h/1"]
)
def test_redirections_to_files_are_asked_about(redirect: str) -> None:
    assert decisions([f"echo a {redirect}", f"{redirect} echo a"], WIDE) == {"ask"}


@pytest.mark.abuse("D03")
@pytest.mark.parametrize("redirect", [">/dev/null", "2>/dev/null", "2>&1", ">&2", "1>&2", "</dev/null", "&>/dev/null"])
def test_harmless_redirections_are_not(redirect: str) -> None:
    assert decisions([f"echo a {redirect}"]) == {"allow"}


@pytest.mark.abuse("D04")
@pytest.mark.parametrize(
    "text",
    [
        "PATH=/evil git status",
        "LD_PRELOAD=/evil.so git status",
        "GIT_SSH_COMMAND=evil git fetch",
        "A=1",
        "export A=1",
        "declare A=1",
        "typeset A=1",
        "readonly A=1",
        "local A=1",
        "unset PATH",
        "'export' A=1",
        "'A=1' git status",
        "env A=1 git status",
        "printf -v PATH x",
    ],
)
def test_nothing_sets_a_variable_for_a_command(text: str) -> None:
    assert decisions([text]) == decisions([text], WIDE) == {"ask"}


@pytest.mark.abuse("D05")
@pytest.mark.parametrize(
    "arguments",
    [
        "-c core.pager=evil log",
        "--config-env=core.pager=EVIL log",
        "--exec-path=/evil log",
        "-C /evil status",
        "--git-dir=/evil status",
        "fetch --upload-pack=evil",
        "fetch --upload-p evil",
        "diff --output=evil",
        "diff --ext-diff",
        "grep -Oevil x",
        "rebase --exec evil",
        "rebase -xevil main",
        "bisect run evil",
        "submodule foreach evil",
        "config alias.x '!evil'",
        "config --global core.editor evil",
        "clone ext::evil",
        "aliased",
    ],
)
def test_git_starts_nobody_elses_programs(arguments: str) -> None:
    wide = rules(allow=["Bash", "Bash(git:*)", "Bash(git fetch:*)", "Bash(git rebase:*)", "Bash(git clone:*)"])

    assert decisions([f"git {arguments}"]) == decisions([f"git {arguments}"], wide) == {"ask"}
    assert decisions([f"git {arguments}"], rules(allow=[f"Bash(git {arguments})"])) == {"allow"}


@pytest.mark.abuse("D06")
@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("\\rm a", "deny"),
        ("r''m a", "deny"),
        ("$'\\x72m' a", "deny"),
        ("{rm,-rf,a}", "deny"),
        ("r* a", "deny"),
        ("/bin/rm a", "deny"),
        ("$x a", "ask"),
        ("r?m a", "ask"),
    ],
)
def test_a_denied_program_is_recognised_in_disguise(text: str, decision: str) -> None:
    assert decisions([text]) == decisions([text], WIDE) == {decision}


@pytest.mark.abuse("D07")
@pytest.mark.parametrize(
    "wrapper",
    [
        "env",
        "xargs",
        "sudo",
        "sh -c",
        "eval",
        "exec",
        "command",
        "find . -exec",
        "time",
        "coproc",
        "trap",
        "source",
        "nohup",
        "timeout 5",
        "nice",
        "busybox",
        "python3 -c",
        "perl -e",
        "awk",
        "ssh host",
        "gxargs",
        "/usr/bin/env",
        "/lib64/ld-linux-x86-64.so.2",
    ],
)
def test_no_prefix_covers_a_program_that_runs_others(wrapper: str) -> None:
    found = rules(allow=["Bash", "Bash(git:*)", f"Bash({wrapper}:*)", f"Bash({wrapper} *)"], deny=["Bash(rm:*)"])

    assert decisions([f"{wrapper} git status", f"{wrapper} 'git status'"], found) == {"ask"}
    assert decisions([f"{wrapper} rm a", f"{wrapper} 'rm a'"], found) == {"deny"}


@pytest.mark.abuse("D07")
def test_only_the_whole_command_allows_one() -> None:
    found = rules(allow=["Bash(timeout 5 make test)"])

    assert decisions(["timeout 5 make test", "timeout  5 'make' test"], found) == {"allow"}
    assert decisions(["timeout 5 make test x", "timeout 6 make test"], found) == {"ask"}


@pytest.mark.abuse("D08")
@pytest.mark.parametrize(
    "text",
    [
        "if echo a; then echo b; fi",
        "for x in a; do echo a; done",
        "while echo a; do echo b; done",
        "until echo a; do echo b; done",
        "case a in a) echo a;; esac",
        "select x in a; do echo a; done",
        "{ echo a; }",
        "(echo a)",
        "[[ a ]]",
        "((1))",
        "! echo a",
        "f() { echo a; }",
        "function f { echo a; }",
        "echo a &",
        "alias ls='echo a'",
    ],
)
def test_control_flow_is_asked_about(text: str) -> None:
    assert decisions([text]) == decisions([text], WIDE) == {"ask"}


@pytest.mark.abuse("D09")
@pytest.mark.parametrize(
    "text", ["git\\\nstatus", "git \\\n status", "git\\\tstatus", "git stat\\\nus", '"git"\\\n"x"']
)
def test_words_that_are_glued_together_are_asked_about(text: str) -> None:
    assert decisions([text]) == decisions([text], WIDE) == {"ask"}


@pytest.mark.abuse("D10")
@pytest.mark.parametrize(
    "character",
    [
        *"\r\x00\x0b\x0c\x1b\x7f\x85\xa0\u1680\u2003\u2028\u2029\u202e\u2066\u200b\u200d\u2060\u3000\ufeff\u3164",
        "\U000e0041",
    ],
)
def test_characters_that_are_not_what_they_seem_are_asked_about(character: str) -> None:
    assert decisions([f"git{character}status", f"echo 'a{character}b'", f"echo a {character}"], WIDE) == {"ask"}


@pytest.mark.abuse("D11")
def test_a_denial_holds_in_a_text_that_is_too_long_to_judge() -> None:
    for filler in ("; ".join(["echo a"] * 33), "echo " + "a" * 4096, "echo " + "a " * 30_000):
        assert decisions([filler], WIDE) == {"ask"}
        assert decisions([f"{filler}; rm a", f"rm a; {filler}"], WIDE) == {"deny"}


HUGE = {
    "long": "echo " + "a " * 100_000,
    "many words": "cat " + " ".join(f"*{number}x" for number in range(6000)),
    "long argument": "echo " + "a" * 200_000,
}


@pytest.mark.abuse("D11")
@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_a_huge_command_is_held_against_no_rule_and_denied_where_one_may_be_about_it(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[object] = []
    monkeypatch.setattr(ruleset, "concerns", lambda *given, **_: held.append(given))
    requests: list[Request] = [ShellText(text), Argv(tuple(text.split())), WindowsText(text)]

    for deny, decision in (["Bash(rm:*)"], "deny"), (["Read(./.env)"], "deny"), (["WebFetch(domain:x.org)"], "ask"):
        for request in requests if text != HUGE["many words"] else requests[:2]:
            verdict = rules(allow=["Bash"], deny=deny).judge(request)

            assert (verdict.decision, verdict.canonical) == (decision, None)
            assert "cannot be checked" in verdict.reason
    assert held == []


@pytest.mark.abuse("D12")
@pytest.mark.parametrize(
    "text", ["echo 'a", 'echo "a', "echo a)", "echo a;;", "&& echo a", "echo a ||", "|", ";", "echo a | | b"]
)
def test_what_is_no_command_is_asked_about(text: str) -> None:
    assert decisions([text]) == decisions([text], WIDE) == {"ask"}


@pytest.mark.abuse("D13")
def test_a_prefix_is_made_of_words() -> None:
    found = rules(allow=["Bash(git:*)", "Bash(npm run test:*)", "Bash(npm run build *)"])

    assert decisions(["npm run test", "npm run test -- a", "npm run build", "npm run build x"], found) == {"allow"}
    assert decisions(["gitrm", "git-evil", "npm run testevil", "npm run test:unit", "npm run buildx"], found) == {"ask"}


@pytest.mark.abuse("D14")
@pytest.mark.parametrize("word", ["*", "a*", "?", "[a]", "{a,b}", "{1..3}", "~", "~root", "a=~", "a:~", "!x", "@(a|b)"])
def test_words_that_a_shell_expands_are_asked_about(word: str) -> None:
    assert decisions([f"echo {word}", f"git add {word}"]) == decisions([f"echo {word}"], WIDE) == {"ask"}


@pytest.mark.abuse("D15")
def test_what_is_run_is_written_anew_and_means_what_was_judged() -> None:
    generator = random.Random(15)
    texts = [make(generator) for make in (likely_text, wild_text) for _ in range(400)]
    allowed = 0

    for text in texts:
        verdict = rules(allow=["Bash"]).judge(ShellText(text))
        if verdict.decision != "allow":
            continue
        allowed += 1
        judged, again = read_shell(text), read_shell(verdict.canonical or "")
        assert isinstance(judged, Understood)
        assert again == judged

    assert allowed > 100


@pytest.mark.abuse("D16")
def test_denying_a_program_is_no_sandbox_and_the_documentation_says_so() -> None:
    others = ["unlink a", "git clean -fdx", "truncate a"]
    document = Path(__file__).parents[3] / "docs/permissions.md"

    assert decisions(others, WIDE) == {"allow"}
    assert "not a sandbox" in document.read_text(encoding="utf-8")
