"""State on disk survives kills, damage, full disks and neighbours, and never takes a request down with it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from services.stored import Reports, opened, record

from codexplus_core.services.store import SCHEMA, SQLiteStore


def test_records_and_values_are_there_again_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path / "state.db") as store:
        for number in range(3):
            store.save("thread", record(number))
        store.save("thread", record(1, done=True))
        store.keep("mine", "key", b"1")

    with opened(tmp_path / "state.db") as store:
        assert store.load("thread") == [record(0), record(1, done=True), record(2)]
        assert (store.edited("thread"), store.edited("other")) == (True, False)
        assert (store.value("mine", "key"), store.value("yours", "key")) == (b"1", None)
        assert store.trouble == ""


def test_a_record_of_a_long_thread_costs_no_more_than_one_of_a_short_thread(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path) as store:
        for number in range(2000):
            store.save("long", record(number))
        store.save("short", record(0))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP INDEX record_order")  # as versions before this one have left it

    with opened(path) as store:
        assert steps_to_save(store, "long", 2000) <= steps_to_save(store, "short", 1)


def test_a_file_in_which_no_index_can_be_made_loses_nothing_but_time(tmp_path: Path) -> None:
    path, reports = tmp_path / "state.db", Reports()
    with opened(path) as store:
        store.save("thread", record(0))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP INDEX record_order")
        db.execute("CREATE TABLE record_order (taken)")

    with opened(path, reports) as store:
        store.save("thread", record(1))
        assert store.load("thread") == [record(0), record(1)]
        assert (store.trouble, store.edited("thread")) == ("", True)
    assert reports == []


def steps_to_save(store: SQLiteStore, thread: str, number: int) -> int:
    """What the database does for one record, in steps of its machine."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    assert store._db is not None
    store._db.set_progress_handler(count, 1)
    store.save(thread, record(number))
    store._db.set_progress_handler(None, 0)
    return steps


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_the_file_and_its_folder_are_the_owners_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "home" / "state.db") as store:
        store.save("thread", record(1))
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home").iterdir()}

    assert set(modes.values()) == {0o600}
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


WRITER = """
import sys
from pathlib import Path
from codexplus_core.conversation.record import Key, Record
from codexplus_core.services.store import SQLiteStore
store = SQLiteStore(Path(sys.argv[1]), lambda event, fields: print("trouble", event, flush=True))
for number in range(1_000_000):
    store.save(sys.argv[2], Record(Key(None, f"msg:user:{number}"), "prompt"))
    print(number, flush=True)
"""


@pytest.mark.req("P11")
@pytest.mark.abuse("H09")
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_every_acknowledged_record_survives_a_kill_in_the_middle_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for round_ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), f"thread{round_}"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        with writer.stdout as lines:
            acknowledged = [next(lines).strip() for _ in range(50 + 37 * round_)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += [line.strip() for line in lines if line.endswith("\n")]
        writer.wait(10)

        with opened(path) as store:
            kept = [found.key.content for found in store.load(f"thread{round_}")]
        assert kept[: len(acknowledged)] == [f"msg:user:{number}" for number in acknowledged]
        assert store.trouble == ""


@pytest.mark.req("P11")
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this was a database once " * 100)
    reports: Reports = []

    with opened(path, reports) as store:
        store.save("thread", record(1))

    with opened(path) as store:
        assert store.load("thread") == [record(1)]
    (aside,) = tmp_path.glob("state.db.damaged-*")
    assert aside.read_bytes().startswith(b"this was a database once")
    assert [event for event, _ in reports] == ["store_damaged"]


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path) as store:
        store.save("thread", record(1))
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version={SCHEMA + 1}")
    reports: Reports = []

    with opened(path, reports) as store:
        store.save("thread", record(2))
        assert store.load("thread") == [record(2)]
        assert "newer codex-plus" in store.trouble

    assert [event for event, _ in reports] == ["store_unusable"]
    with contextlib.closing(sqlite3.connect(path)) as after:
        assert after.execute("SELECT count(*) FROM record").fetchone() == (1,)
    assert not list(tmp_path.glob("*damaged*"))


def test_a_file_that_another_process_holds_locked_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    with opened(path) as store:
        store.save("thread", record(1))
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **{**options, "timeout": 0.0}))
    with contextlib.closing(connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        with opened(path) as store:
            store.save("thread", record(2))
            assert "locked" in store.trouble

    assert not list(tmp_path.glob("*damaged*"))
    with opened(path) as store:
        assert store.load("thread") == [record(1)]


def test_where_no_folder_can_be_made_the_records_live_in_memory(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the way")
    reports: Reports = []

    with opened(tmp_path / "home" / "state.db", reports) as store:
        store.save("thread", record(1))
        store.keep("mine", "key", b"1")
        store.inherit("fork", "thread")

        assert store.load("thread") == store.load("fork") == [record(1)]
        assert store.value("mine", "key") == b"1"
        assert store.edited("fork")
    assert [event for event, _ in reports] == ["store_unusable"]


def test_two_proxies_on_one_file_see_each_others_threads(tmp_path: Path) -> None:
    with opened(tmp_path / "state.db") as one, opened(tmp_path / "state.db") as two:
        one.save("first", record(1))
        two.save("second", record(2))

        assert two.load("first") == [record(1)]
        assert one.load("second") == [record(2)]
        assert (one.edited("second"), two.edited("first"), one.edited("third")) == (True, True, False)
        two.inherit("fork", "first")
        assert one.load("fork") == [record(1)]


def test_a_fork_inherits_once_and_then_goes_its_own_way(tmp_path: Path) -> None:
    with opened(tmp_path / "state.db") as store:
        store.save("parent", record(1))
        store.inherit("fork", "parent")
        store.save("parent", record(2))
        store.save("fork", record(3))
        store.inherit("fork", "parent")

        assert store.load("fork") == [record(1), record(3)]
        assert store.load("parent") == [record(1), record(2)]


def test_a_record_that_cannot_be_read_is_reported_and_the_others_load(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path) as store:
        store.save("thread", record(1))
        store.save("thread", record(2))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE record SET value = 'broken' WHERE seq = 1")
    reports: Reports = []

    with opened(path, reports) as store:
        assert store.load("thread") == [record(2)]
    assert [event for event, _ in reports] == ["store_record_unreadable"]


@pytest.mark.abuse("A21")
def test_a_file_that_others_may_write_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch()
    path.chmod(0o666)

    SQLiteStore(path, lambda event, fields: None).close()

    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.abuse("A21")
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_is_no_file_of_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("mine", encoding="utf-8")
    target.chmod(0o644)
    path = tmp_path / "state.db"
    path.symlink_to(target) if kind == "link" else os.mkfifo(path)
    events: list[str] = []

    store = SQLiteStore(path, lambda event, fields: events.append(event))
    store.close()

    assert events == ["store_unusable"]
    assert target.read_text(encoding="utf-8") == "mine"
    assert target.stat().st_mode & 0o777 == 0o644
