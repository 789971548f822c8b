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
    goes_on_whole(log, after)


@pytest.mark.abuse("H10")
@pytest.mark.skipif(sys.platform != "linux", reason="a small file system of its own")
def test_a_full_file_system_refuses_and_goes_on_whole_once_there_is_room(log: Log, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    folder, filler = place / "audit", place / "filler"
    begin = f"mount -t tmpfs -o size=8m tmpfs {place} && mkdir -m 700 {folder} && head -c 7800k /dev/zero > {filler}"
    run = f"timeout 60 {sys.executable} {SCRIPT} {folder} 0 {filler} | sed -u '/^lost/,/^kept/{{/^kept/q}}'"
    inside = f"{begin} || exit 77; {run}; cp {folder}/* {log.folder}"

    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside],
        capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    said = done.stdout.splitlines()

    refused = next(at for at, line in enumerate(said) if line.startswith("refused"))
    assert "audit_unusable No space left on device" in said[:refused]
    assert said[0].startswith("kept")
    goes_on_whole(log, said[refused:])


def goes_on_whole(log: Log, said: list[str]) -> None:
    """What was lost is counted, and what came after the trouble follows what came before."""
    lost = next(line.split() for line in said if line.startswith("lost"))
    assert int(lost[1]) == int(lost[2]) > 0
    assert said[-1].startswith("kept")
    log.written("after")
    assert "audit.resumed" in log.actions()
    dropped = [record for record in log.records() if record["event.action"] == "audit.dropped"]
    assert sum(record["codexplus.records"] for record in dropped) >= int(lost[1])
    assert log.findings() == []
