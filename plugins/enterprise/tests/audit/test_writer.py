"""Bringing records to the disk: order, files, time, and what happens where the disk does not take them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from audit_log import DAY, WAIT, Log, Time

from codexplus_core import Problem
from codexplus_enterprise.audit.entry import Entry
from codexplus_enterprise.audit.files import Files, stream_files

pytestmark = pytest.mark.req("E3")


class Full(OSError):
    def __init__(self) -> None:
        super().__init__(28, "No space left on device")


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    def append(self: Files, data: bytes) -> None:
        raise Full

    monkeypatch.setattr(Files, "append", append)


def test_a_decision_is_in_the_file_and_synced_before_its_waiter_goes_on(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync = Files.sync

    def noted(self: Files) -> None:
        order.append("sync")
        sync(self)

    monkeypatch.setattr(Files, "sync", noted)
    writer = log.open()
    log.put("first")
    order.clear()

    writer.put_now(Entry("process.run", "success"), needed=True).done.result(WAIT)
    order.append("goes on")

    assert order == ["sync", "goes on"]
    assert log.actions()[-1] == "process.run"


def test_traffic_before_a_decision_is_on_disk_with_it(log: Log) -> None:
    writer = log.open()
    for _ in range(50):
        writer.put(Entry("model.request", "success"))

    log.put("process.run")

    assert log.actions().count("model.request") == 50
    assert log.actions()[-1] == "process.run"


def test_files_are_private_and_the_chain_goes_on_over_rotation_and_restart(log: Log) -> None:
    log.open(rotate_bytes=2000)
    log.put(*(f"action{number}" for number in range(10)))
    log.close()
    log.written("after")

    files = stream_files(log.folder)["serve"]
    assert len(files) > 3
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert [record["event.sequence"] for record in log.records()] == list(range(1, len(log.lines()) + 1))
    assert log.findings() == []


@pytest.mark.abuse("H11")
def test_a_second_process_writes_a_stream_of_its_own(log: Log, tmp_path: Path) -> None:
    other = Log(log.folder)
    log.open()
    log.put("one")
    other.open()
    other.put("two")
    other.close()

    assert sorted(stream_files(log.folder)) == ["serve", "serve-2"]
    assert log.findings() == []


@pytest.mark.abuse("H09")
def test_a_torn_line_is_set_aside_and_the_chain_goes_on(log: Log) -> None:
    log.written("one")
    with (log.folder / "serve.jsonl").open("ab") as file:
        file.write(b'{"@timestamp":"2026-0')

    log.written("two")

    (torn,) = log.folder.glob("serve.torn-*")
    assert torn.read_bytes() == b'{"@timestamp":"2026-0'
    begun = [record for record in log.records() if record["event.action"] == "audit.start"][-1]
    assert (begun["codexplus.torn_file"], begun["codexplus.torn_bytes"]) == (torn.name, 21)
    assert log.findings() == []


@pytest.mark.abuse("H10")
def test_a_full_disk_keeps_what_it_can_and_says_what_it_could_not(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    # An attempt before there is room would count the wanted one among those that are too many.
    writer = log.open(most=3, again_s=3600.0)
    log.put("before")
    with monkeypatch.context() as broken:
        fill(broken)
        why = writer.put_now(Entry("needed", "success"), needed=True).done.result(WAIT)
        other = writer.put_now(Entry("wanted", "success"), needed=False).done.result(WAIT)
        for _ in range(10):
            writer.put(Entry("model.request", "success"))
        assert why == other == writer.problem == "No space left on device"
    log.put("after")

    actions = log.actions()
    assert actions[:2] == ["audit.start", "before"]
    assert "audit.resumed" in actions
    assert "audit.dropped" in actions
    assert "wanted" in actions
    assert "needed" not in actions, "it did not happen, so nothing may say that it did"
    assert actions[-1] == "after"
    assert writer.problem == ""
    lost = sum(record.get("codexplus.records", 0) for record in log.records())
    assert lost == writer.dropped == 10 - actions.count("model.request")
    assert log.findings() == []
    assert [event for event, _ in log.reports] == ["audit_unusable"]


@pytest.mark.abuse("H10")
@pytest.mark.abuse("H10")
def test_what_the_log_has_to_say_of_itself_survives_every_attempt_that_fails(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    writer = log.open(at=time, most=2, again_s=0.01)
    log.put("before")
    time.wall += 3600
    with monkeypatch.context() as broken:
        fill(broken)
        for number in range(6):
            writer.put_now(Entry(f"wanted{number}", "success"), needed=False).done.result(WAIT)
        # Each of these attempts would have told of what was dropped before it.
    log.close()

    (dropped,) = [record for record in log.records() if record["event.action"] == "audit.dropped"]
    assert dropped["codexplus.records"] == writer.dropped > 0
    assert [log.actions().count(action) for action in ("audit.clock", "audit.resumed")] == [1, 1]
    assert log.findings() == []


def test_what_is_on_disk_already_is_not_written_again_where_the_rest_fails(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexplus_enterprise.audit.writer.BATCH", 2)
    append, failed = Files.append, threading.Event()

    def fails_once(self: Files, data: bytes) -> None:
        if b"action4" in data and not failed.is_set():
            failed.set()
            raise Full
        append(self, data)

    monkeypatch.setattr(Files, "append", fails_once)
    writer = log.open(again_s=0.01)
    for number in range(7):
        writer.put(Entry(f"action{number}", "success"))
    assert failed.wait(WAIT)
    log.close()

    actions = [action for action in log.actions() if not action.startswith("audit.")]
    assert actions == [f"action{number}" for number in range(7)]
    assert log.findings() == []


def test_a_file_that_cannot_be_renamed_is_written_on_and_told_once_in_a_while(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "rename", fail)
    writer = log.open(rotate_bytes=2000)

    log.put(*(f"action{number}" for number in range(10)))
    problem = writer.problem
    log.close()

    assert problem == "" and len(stream_files(log.folder)["serve"]) == 1
    told = [fields["reason"] for event, fields in log.reports if event == "audit_not_rotated"]
    assert 0 < len(told) < 6 and set(told) == {"Operation not permitted"}
    assert log.actions()[-2:] == ["action9", "audit.stop"] and log.findings() == []


def test_half_a_write_leaves_no_half_record(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = log.open(again_s=0.01)
    log.put("before")
    write = os.write
    with monkeypatch.context() as broken:
        left = [40]

        def some(handle: int, data: bytes) -> int:
            if not left[0]:
                raise Full
            count, left[0] = min(left[0], len(data)), 0
            return write(handle, bytes(data[:count]))

        broken.setattr(os, "write", some)
        assert writer.put_now(Entry("half", "success"), needed=True).done.result(WAIT)
    log.put("after")

    assert "half" not in log.actions()
    assert log.findings() == []


def test_a_file_that_somebody_removes_is_missed_at_once(log: Log) -> None:
    log.open()
    log.put("one", "two")
    (log.folder / "serve.jsonl").unlink()
    log.put("three")
    log.close()

    assert log.actions()[:2] == ["audit.replaced", "three"]
    assert [event for event, _ in log.reports] == ["audit_replaced"]
    assert [one.kind for one in log.findings()] == ["gap"]


@pytest.mark.parametrize("jump", [-3600.0, 10 * 365 * DAY])
def test_a_jump_of_the_clock_is_told_and_breaks_no_order(log: Log, jump: float) -> None:
    time = Time()
    log.open(at=time)
    log.put("one")
    time.wall += jump
    log.put("two")
    log.close()

    (told,) = [record for record in log.records() if record["event.action"] == "audit.clock"]
    assert told["codexplus.jump_seconds"] == jump
    assert log.findings() == []


def rotated(log: Log, time: Time) -> int:
    log.open(at=time, rotate_bytes=1)
    log.put("old", "older")
    log.close()
    return len(stream_files(log.folder)["serve"])


def test_what_is_older_than_wanted_is_removed_and_verify_knows_it(log: Log) -> None:
    time = Time()
    before = rotated(log, time)
    time.go(29 * DAY)
    log.open(at=time)
    log.put("kept")
    assert len(stream_files(log.folder)["serve"]) == before
    time.go(2 * DAY)
    log.put("new")
    log.close()

    assert len(stream_files(log.folder)["serve"]) < before
    assert "audit.retention" in log.actions()
    assert "old" not in log.actions()
    assert log.findings() == []


def test_a_clock_that_jumps_into_the_future_removes_nothing(log: Log) -> None:
    time = Time()
    before = rotated(log, time)
    log.open(at=time)
    log.put("one")
    time.wall += 10 * 365 * DAY
    log.put("two")
    time.go(DAY / 2)
    log.put("three")
    log.close()

    assert len(stream_files(log.folder)["serve"]) >= before
    assert log.findings() == []


def test_a_machine_that_starts_with_a_wrong_clock_removes_nothing(log: Log) -> None:
    time = Time()
    before = rotated(log, time)
    time.wall += 10 * 365 * DAY
    log.open(at=time)
    log.put("one")
    log.close()

    assert len(stream_files(log.folder)["serve"]) >= before


def test_heads_are_told_at_intervals_and_at_the_end_but_never_twice(log: Log) -> None:
    time = Time()
    log.open(at=time, head_s=60)
    log.put("one")
    time.go(61)
    log.put("two")
    log.put("three")
    log.close()

    assert [head.sequence for head in log.heads] == sorted({head.sequence for head in log.heads})
    assert log.heads[-1].sequence == len(log.lines())


def test_a_folder_that_is_a_file_is_told_and_tried_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit")
    log.folder.rmdir()
    log.folder.write_text("in the way", encoding="utf-8")
    writer = log.open(again_s=0.01)

    why = writer.put_now(Entry("one", "success"), needed=True).done.result(WAIT)
    log.folder.unlink()
    log.folder.mkdir()
    log.put("two")
    log.close()

    assert "the audit log cannot be written" in why
    assert log.actions() == ["audit.start", "audit.resumed", "two", "audit.stop"]


def test_a_link_in_the_place_of_the_log_is_not_followed(log: Log, tmp_path: Path) -> None:
    (log.folder / "serve.jsonl").symlink_to(tmp_path / "elsewhere")
    files = Files(log.folder, "serve")
    try:
        with pytest.raises(OSError, match="symbolic links"):
            files.open()
    finally:
        files.close()
    assert not (tmp_path / "elsewhere").exists()


def test_more_processes_than_streams_are_refused(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codexplus_enterprise.audit.files.MOST_STREAMS", 1)
    held = Files(log.folder, "serve")
    try:
        with pytest.raises(Problem, match="write the audit log already"):
            Files(log.folder, "serve")
    finally:
        held.close()
