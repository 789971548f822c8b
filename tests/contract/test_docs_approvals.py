"""What the text about approvals shows is what is shown."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from contract.source_tree import ROOT

from codexplus_core import Proposal
from codexplus_core.services.approvals.answers import read_answer
from codexplus_core.services.approvals.grants import ONCE_S
from codexplus_core.services.approvals.pending import ANSWER_S, KEEP_S, Question
from codexplus_core.services.approvals.proposal import digest, dump
from codexplus_core.services.approvals.question import NOT_RUN, changes, question_text
from codexplus_core.services.approvals.show import MAX_CHARS, MAX_PARTS, visible

TEXT = (ROOT / "docs/approvals.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^````markdown\n(.*?)\n````$", TEXT, re.MULTILINE | re.DOTALL)
DEPLOY = Proposal(
    kind="run",
    scope="project",
    title="command /deploy",
    source=".claude/commands/deploy.md",
    project=Path("/home/user/project"),
    text="./deploy.sh prod",
    programs=(("./deploy.sh", "/home/user/project/deploy.sh", "5f70bf18a086" + "0" * 52),),
    permissions=("run:deploy", "net"),
    writes=("deploy.log",),
    env_names=("DEPLOY_TOKEN",),
    timeout=60,
)


def test_the_question_that_is_shown_is_the_one_that_is_asked() -> None:
    question = Question("3f9a1c2e", "4821", 0.0, (digest(DEPLOY),), (msgspec.Raw(dump(DEPLOY)),), thread="thread")

    assert question_text(question, earlier={}) == SHOWN[0]


def test_the_difference_that_is_shown_is_the_one_that_is_told() -> None:
    lines = changes(DEPLOY, replace(DEPLOY, text="./deploy.sh prod --force"))

    assert "\n".join(["Changed since you allowed it:", "", "```", *lines, "```"]) == SHOWN[1]


@pytest.mark.parametrize(
    ("word", "meaning"), [("y", "y"), ("yes", "y"), ("a", "a"), ("always", "a"), ("n", "n"), ("no", "n")]
)
def test_the_answers_in_the_table_are_the_ones_that_count(word: str, meaning: str) -> None:
    said = read_answer(word)

    assert said is not None and said.word == meaning
    assert re.search(rf"^\|.*`{word}`.*\|", TEXT, re.MULTILINE)


def test_the_figures_are_the_codes() -> None:
    assert (ANSWER_S, ONCE_S, KEEP_S, MAX_CHARS, MAX_PARTS) == (5 * 60, 3600, 7 * 86400, 3000, 100)
    assert "five minutes" in TEXT and "waits an hour" in TEXT and "for a week" in TEXT and "3000 characters" in TEXT
    assert f'"{NOT_RUN}"' in TEXT and f"`{visible(chr(0x202E))}`" in TEXT
