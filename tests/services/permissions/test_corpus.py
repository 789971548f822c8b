"""The corpus of commands under one set of rules."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from services.permissions.commands import ALLOW, ALLOWED, ASKED, DENIED, DENY

from codexplus_core.services.permissions import Argv, Layer, RuleSet, ShellText, Understood, read_shell

RULES = RuleSet(
    [Layer("user settings", True, allow=ALLOW, deny=DENY, root=PurePosixPath("/home/me/.claude"))],
    home=PurePosixPath("/home/me"),
)
CWD = "/home/me/project"


def test_the_rules_themselves_are_good() -> None:
    assert [str(problem) for problem in RULES.problems] == []


def test_the_corpus_is_large() -> None:
    corpus = {*DENIED, *ASKED, *ALLOWED}

    assert len(corpus) == len(DENIED) + len(ASKED) + len(ALLOWED) > 150


@pytest.mark.req("X3")
def test_what_a_rule_denies_is_denied_in_every_disguise() -> None:
    decisions = {text: RULES.judge(ShellText(text, CWD)).decision for text in DENIED}

    assert {text: found for text, found in decisions.items() if found != "deny"} == {}


@pytest.mark.req("X1")
def test_no_attack_is_allowed() -> None:
    decisions = {text: RULES.judge(ShellText(text, CWD)).decision for text in ASKED}

    assert {text: found for text, found in decisions.items() if found != "ask"} == {}


def test_ordinary_commands_are_allowed() -> None:
    verdicts = {text: RULES.judge(ShellText(text, CWD)) for text in ALLOWED}

    assert {text: found.reason for text, found in verdicts.items() if found.decision != "allow"} == {}


def test_what_is_allowed_is_allowed_in_its_canonical_form_too() -> None:
    for text in ALLOWED:
        canonical = RULES.judge(ShellText(text, CWD)).canonical
        assert canonical is not None

        again = RULES.judge(ShellText(canonical, CWD))

        assert (again.decision, again.canonical) == ("allow", canonical)


def test_a_command_without_a_shell_is_judged_like_its_text() -> None:
    for text in (*DENIED, *ASKED, *ALLOWED):
        read = read_shell(text)
        if isinstance(read, Understood) and read.argv is not None:
            assert RULES.judge(Argv(read.argv, CWD)).decision == RULES.judge(ShellText(text, CWD)).decision


def test_every_answer_says_why() -> None:
    for text in (*DENIED, *ASKED, *ALLOWED):
        verdict = RULES.judge(ShellText(text, CWD))

        assert verdict.reason
        assert (verdict.rule is None) == (verdict.decision == "ask")
        assert (verdict.canonical is None) if verdict.decision == "deny" else True
