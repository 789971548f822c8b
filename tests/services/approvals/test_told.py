"""What is told of questions and answers, and that an answer nobody may keep counts for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.approvals.made_proposal import proposal

from codexplus_core import AuditEvent
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.problem import Problem


def test_a_yes_is_told_before_it_counts(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    told: list[tuple[AuditEvent, int]] = []
    approvals.tell = lambda event: told.append((event, len(approvals.list())))

    id = approvals.check([proposal()]).id
    approvals.allow(id, always=True)
    approvals.revoke(id)
    approvals.close()

    assert [(event.action, event.outcome, event.decision) for event, _ in told] == [
        ("approval.ask", "asked", False), ("approval.answer", "success", True), ("approval.revoke", "success", True),
    ]  # fmt: skip
    assert [allowed for _, allowed in told] == [0, 0, 1]
    assert told[1][0].fields["answer"] == "always"
    assert told[0][0].fields["about"] == told[1][0].fields["about"]


def test_a_yes_that_must_be_kept_and_is_not_is_none(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    id = approvals.check([proposal()]).id

    def refuse(event: AuditEvent) -> None:
        raise Problem("not kept")

    approvals.tell = refuse
    with pytest.raises(Problem, match="not kept"):
        approvals.allow(id)
    with pytest.raises(Problem, match="not kept"):
        approvals.allow_now([proposal()])

    assert approvals.list() == []
    approvals.close()


def test_taking_back_what_was_never_allowed_is_not_told(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    told: list[AuditEvent] = []
    approvals.tell = told.append

    with pytest.raises(Problem):
        approvals.revoke("abc")
    approvals.close()

    assert told == []
