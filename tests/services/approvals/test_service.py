"""What plugins and the command line get of approvals."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
from services.approvals.made_proposal import Clock, Reports, proposal

from codexplus_core import Exchange, Granted, LocalReply, Session, Turn
from codexplus_core.services.approvals.answers import Said, read_answer
from codexplus_core.services.approvals.pending import ANSWER_S, KEEP, KEEP_S
from codexplus_core.services.approvals.proposal import digest
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.problem import Problem

ASKED = proposal()


def exchange() -> Exchange:
    return Exchange(session=Session(), turn=Turn("", "user"))


ANSWERS = {
    "y": Said("y", ""),
    " YES\n": Said("y", ""),
    "No": Said("n", ""),
    "a": Said("a", ""),
    "ALWAYS": Said("a", ""),
    "Y 0421": Said("y", "0421"),
    "no  4821 ": Said("n", "4821"),
}
OTHER = (
    "",
    "yes!",
    "y 42",
    "y 48211",
    "y4821",
    "yep",
    "y\ny",
    "ok",
    "/y",
    "\u0443",
    "ye\u017f",
    "y \u0664\u0668\u0662\u0661",
)


@pytest.mark.parametrize("words", [*ANSWERS, *OTHER], ids=ascii)
def test_an_answer_is_the_word_and_perhaps_the_code_and_nothing_else(words: str) -> None:
    assert read_answer(words) == ANSWERS.get(words)


async def test_nothing_to_ask_is_granted_and_everything_else_is_not() -> None:
    approvals = Approvals()

    assert await approvals.require(exchange(), []) == Granted(())
    assert isinstance(await approvals.require(exchange(), [ASKED]), LocalReply)
    approvals.allow_now([ASKED])
    assert await approvals.require(exchange(), [ASKED, ASKED]) == Granted((digest(ASKED),))


async def test_only_what_is_not_allowed_yet_is_asked_about() -> None:
    approvals = Approvals()
    approvals.allow_now([ASKED])

    reply = await approvals.require(exchange(), [ASKED, proposal(title="hook Stop[0]", text="make")])

    assert isinstance(reply, LocalReply) and isinstance(reply.text, str)
    assert "make" in reply.text and "prettier --write" not in reply.text


def test_a_check_that_is_made_again_is_the_same_question() -> None:
    approvals = Approvals()

    ids = {approvals.check([ASKED]).id for _ in range(3)}

    assert [question.id for question in approvals.pending()] == list(ids)


async def test_whether_something_is_allowed_can_be_told_without_a_trace() -> None:
    approvals = Approvals()
    question = approvals.check([ASKED])

    before = approvals.allowed([ASKED])
    approvals.allow(question.id)
    after = [approvals.allowed([ASKED]), approvals.allowed([ASKED]), approvals.allowed([ASKED, proposal(text="make")])]

    assert (before, after) == (False, [True, True, False])
    assert approvals.check([ASKED]).granted
    assert not approvals.allowed([ASKED])
    assert approvals.pending() == []


def test_a_project_that_asks_without_end_pushes_out_its_oldest_questions() -> None:
    clock = Clock()
    approvals = Approvals(clock=clock)
    for number in range(KEEP + 5):
        clock.now += 1
        approvals.check([proposal(text=f"make {number}")])

    texts = [question.about[0].text for question in approvals.pending()]

    assert (len(texts), texts[0], texts[-1]) == (KEEP, "make 5", f"make {KEEP + 4}")


def test_a_question_can_be_answered_from_the_command_line_for_a_week_and_in_a_chat_for_five_minutes() -> None:
    clock = Clock()
    approvals = Approvals(clock=clock)
    id = approvals.check([ASKED]).id

    clock.now += KEEP_S - 1
    assert [one.digest for one in approvals.allow(id)] == [digest(ASKED)]
    clock.now += 1
    with pytest.raises(Problem, match="no such question"):
        approvals.allow(id)
    assert ANSWER_S == 300


def test_a_question_that_was_answered_waits_no_more() -> None:
    approvals = Approvals()
    allowed, closed = approvals.check([ASKED]).id, approvals.check([proposal(text="make")]).id

    approvals.allow(allowed, always=True)
    approvals.revoke(closed)

    assert approvals.pending() == []
    assert [grant.question for grant in approvals.list()] == [allowed]


def test_taking_back_what_was_never_said_is_a_problem() -> None:
    with pytest.raises(Problem, match="nothing was allowed"):
        Approvals().revoke("12345678")


@pytest.mark.abuse("C17")
async def test_where_the_file_cannot_be_used_nothing_is_granted_and_the_user_reads_why(tmp_path: Path) -> None:
    reports = Reports()
    approvals = Approvals(tmp_path, report=reports)
    approvals.allow_now([ASKED])
    approvals.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "approvals.db")) as db:
        db.execute("PRAGMA user_version = 99")

    approvals = Approvals(tmp_path, report=reports)
    reply = await approvals.require(exchange(), [ASKED])

    assert isinstance(reply, LocalReply) and "Not run" in str(reply.text) and "newer codex-plus" in str(reply.text)
    assert not approvals.check([ASKED]).granted
    assert "approvals_unusable" in reports.events
    with pytest.raises(Problem, match="newer codex-plus"):
        approvals.list()


def test_a_question_is_closed_where_all_that_it_asks_is_settled() -> None:
    approvals, other = Approvals(), proposal(title="hook Stop[0]")
    told: list[str] = []
    approvals.check([ASKED])
    approvals.check([ASKED, other])
    approvals.tell = lambda event: told.append(event.action)

    approvals.close_questions(lambda one: one.title == ASKED.title)

    assert [[one.title for one in question.about] for question in approvals.pending()] == [[ASKED.title, other.title]]
    assert told == ["approval.revoke"]
    assert not approvals.allowed([ASKED])


def test_what_was_allowed_for_good_elsewhere_waits_for_no_answer() -> None:
    approvals = Approvals()
    question = approvals.check([ASKED])
    once = approvals.check([proposal(title="hook Stop[0]", text="other")])
    approvals.allow_now([ASKED])

    assert [one.id for one in approvals.pending()] == [once.id]
    assert approvals.find(question.id) is not None


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.abuse("B01")
def test_a_remembered_answer_is_not_that_of_the_folder_to_which_a_link_leads_now(tmp_path: Path) -> None:
    approvals, link = Approvals(tmp_path / "state"), tmp_path / "project"
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
    link.symlink_to(tmp_path / "mine")
    asked = proposal(project=link)
    approvals.allow_now([asked])
    before = approvals.allowed([asked], always=True), approvals.check([asked]).granted

    link.unlink()
    link.symlink_to(tmp_path / "theirs")
    after = approvals.allowed([asked], always=True), approvals.check([asked]).granted

    assert (before, after) == ((True, True), (False, False))


def test_what_is_allowed_once_is_not_allowed_for_good(tmp_path: Path) -> None:
    approvals, elsewhere = Approvals(tmp_path), Approvals(tmp_path)
    question = approvals.check([ASKED])

    approvals.allow(question.id)
    once = approvals.allowed([ASKED]), approvals.allowed([ASKED], always=True)
    (grant,) = approvals.allow_now([ASKED])
    good = approvals.allowed([ASKED], always=True)
    # As `codex-plus approvals revoke` does, in a process of its own.
    elsewhere.revoke(grant.id)
    withdrawn = approvals.allowed([ASKED], always=True)

    assert (once, good, withdrawn) == ((True, False), True, False)


def test_a_proposal_that_somebody_made_of_lists_has_an_answer_too() -> None:
    approvals = Approvals()
    asked = proposal(permissions=["run:x"])
    approvals.allow_now([asked])

    assert approvals.allowed([asked]) and approvals.allowed([proposal(permissions=("run:x",))])
