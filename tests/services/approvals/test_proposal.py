"""What is approved is a digest over everything that decides what would happen."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.approvals.made_proposal import PRETTIER, proposal

from codexplus_core.services.approvals.proposal import Proposal, digest, dump, load


@pytest.mark.abuse("B03", "B05", "B07", "B08", "B09")
@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "connect"},
        {"scope": "user"},
        {"source": ".codex/settings.json"},
        {"source_digest": "e" * 64},
        {"project": Path("/home/user/copy")},
        {"project": None},
        {"text": "prettier --write src/b.ts"},
        {"argvs": (("prettier", "--write", "src/b.ts"),)},
        {"argvs": (("prettier", "--write src/a.ts"),)},
        {"programs": (("prettier", "/usr/local/bin/prettier", "a" * 64),)},
        {"programs": (("prettier", "/usr/bin/prettier", "b" * 64),)},
        {"programs": (PRETTIER, ("fmt.sh", "/home/user/project/fmt.sh", "c" * 64))},
        {"permissions": ("run:prettier", "read_repo", "net")},
        {"writes": ()},
        {"env_names": ("NODE_ENV", "AWS_SECRET_ACCESS_KEY")},
        {"env": (("DEBUG", "2"),)},
        {"env": ()},
        {"timeout": 600},
        {"timeout": None},
    ],
    ids=str,
)
def test_a_change_of_anything_that_decides_is_another_question(changed: dict[str, Any]) -> None:
    assert digest(proposal(**changed)) != digest(proposal())


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "hook PostToolUse[1]"},
        {"notes": ("runs unpinned code: package.json",)},
        {"permissions": ("read_repo", "run:prettier")},
        {"timeout": 5.0},
    ],
    ids=str,
)
def test_words_for_people_and_the_order_of_sets_decide_nothing(changed: dict[str, Any]) -> None:
    assert digest(proposal(**changed)) == digest(proposal())


@pytest.mark.abuse("B09", "B10")
@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_stands_for_the_project_that_it_leads_to_now(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "one")
    through_link, direct = digest(proposal(project=link)), digest(proposal(project=tmp_path / "one"))
    link.unlink()
    link.symlink_to(tmp_path / "two")

    assert through_link == direct
    assert digest(proposal(project=link)) == digest(proposal(project=tmp_path / "two")) != direct


@pytest.mark.parametrize("changed", [{"title": " "}, {"text": ""}])
def test_a_proposal_without_words_to_read_is_a_mistake(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="title and text"):
        proposal(**changed)


def test_a_proposal_that_was_kept_before_a_field_came_to_be_can_be_read() -> None:
    kept = json.loads(dump(proposal()))
    del kept["env"]

    assert load(json.dumps(kept).encode()) == proposal(env=(), project=Path(kept["project"]), timeout=5.0)


words = st.text(st.characters(), min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
names = st.lists(words, max_size=3).map(tuple)


@given(words, words, names, st.lists(st.tuples(words, words, words), max_size=2).map(tuple), names)
def test_a_kept_proposal_is_the_same_proposal(
    title: str, text: str, permissions: Any, programs: Any, argv: Any
) -> None:
    asked = Proposal("run", "plugin", title, text=text, argvs=(argv,), programs=programs, permissions=permissions)

    kept = load(dump(asked))

    assert kept == asked
    assert digest(kept) == digest(asked)


@given(names, names)
def test_two_commands_have_one_digest_only_where_they_are_one(one: Any, other: Any) -> None:
    digests = {digest(proposal(argvs=(argv,))) for argv in (one, other)}

    assert (len(digests) == 1) == (one == other)
