"""A writer that is killed, and one whose disk is really full."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from audit_log import Log

SCRIPT = Path(__file__).with_name("writing_process.py")

pytestmark = [
    pytest.mark.req("E3"),
    pytest.mark.skipif(sys.platform == "win32", reason="kills with signals, limits with RLIMIT_FSIZE"),
]


@contextmanager
def writing(folder: Path, most: int = 0) -> Iterator[Callable[[str], list[str]]]:
    """A process that writes; what is yielded reads its lines up to one that begins so."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(most)], stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        stream = process.stdout
        assert stream is not None

        def until(begins: str) -> list[str]:
            found: list[str] = []
            for line in stream:
                found.append(line.strip())
                if line.startswith(begins):
                    break
            return found

        try:
            yield until
        finally:
            process.kill()


@pytest.mark.abuse("H09")
def test_a_kill_under_load_loses_no_decision_that_was_acknowledged(log: Log) -> None:
    acknowledged = 0
    for _ in range(3):
        with writing(log.folder) as until:
            acknowledged += len(until("kept 40"))

    log.written("after")

    assert log.actions().count("process.run") >= acknowledged == 120
    assert log.findings() == []
    assert [record["event.sequence"] for record in log.records()] == list(range(1, len(log.lines()) + 1))


@pytest.mark.abuse("H10")
def test_a_file_that_may_not_grow_refuses_and_goes_on_whole_once_it_may(log: Log) -> None:
    with writing(log.folder, most=300_000) as until:
        before = until("refused")
        after = until("kept")

    assert any(line.startswith("kept") for line in before)
    assert any(line.startswith("audit_unusable File too large") for line in before)
    assert after[-1].startswith("kept")
    log.written("after")
    assert "audit.resumed" in log.actions()
    assert log.findings() == []
