"""State on disk survives kills, damage, full disks and neighbours, and never takes a request down with it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.conversation.record import Key, Record, raws
from codexplus_core.services.store import SCHEMA, SQLiteStore

Reports = list[tuple[str, dict[str, Any]]]


@contextlib.contextmanager
def opened(path: Path, reports: Reports | None = None) -> Iterator[SQLiteStore]:
    found: Reports = [] if reports is None else reports
    store = SQLiteStore(path, lambda event, fields: found.append((event, fields)))
    try:
        yield store
    finally:
        store.close()


def record(number: int, **more: Any) -> Record:
    return Record(Key(None, f"msg:user:{number}"), "prompt", turn="t", replace=raws([b'{"n":%d}' % number]), **more)


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


FULL = """
import resource, sys
from pathlib import Path
from codexplus_core.conversation.record import Key, Record, raws
from codexplus_core.services.store import SQLiteStore
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
events = []
store = SQLiteStore(Path(sys.argv[1]), lambda event, fields: events.append(event))
key = lambda n: Key(None, f"msg:user:{n}")
big = raws([b'"' + b"x" * 20000 + b'"'])
store.save("t", Record(key(0), "prompt", turn="before"))
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
for n in range(1, 20):
    store.save("t", Record(key(n), "prompt", replace=big))
store.save("t", Record(key(0), "prompt", turn="full"))
assert "cannot be used" in store.trouble, store.trouble
assert len(store.load("t")) == 20
assert store.load("t")[0].turn == "full"
assert len(set(events)) == 1 and len(events) <= 2, events
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.save("t", Record(key(0), "prompt", turn="after"))
assert store.load("t")[0].turn == "after", store.load("t")[0].turn
assert (store.trouble, events[-1]) == ("", "store_recovered"), (store.trouble, events)
store.keep("p", "k", b"1")
assert store.value("p", "k") == b"1"
assert events.count("store_recovered") == 1, events
store.close()
again = SQLiteStore(Path(sys.argv[1]), lambda event, fields: events.append(event))
assert [(r.key, r.turn) for r in again.load("t")] == [(key(0), "after")] + [(key(n), "") for n in range(1, 20)]
print("fine")
"""


@pytest.mark.abuse("H10")
@pytest.mark.skipif(sys.platform != "linux", reason="file size limits")
def test_a_full_disk_loses_nothing_while_the_proxy_runs_and_is_used_again_when_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "state.db")],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert (done.stdout, done.stderr) == ("fine\n", "")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.req("P11")
@pytest.mark.parametrize("first", ["save", "keep", "inherit"])
def test_what_could_not_be_written_is_on_disk_once_something_can(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    monkeypatch.setattr("codexplus_core.services.store.LOCK_S", 0.0)
    reports: Reports = []
    with opened(path, reports) as store:
        store.save("thread", record(1))
        store.keep("mine", "old", b"1")
        with locked(path):
            store.save("thread", record(2))
            store.inherit("fork", "thread")
            store.keep("mine", "new", b"2")
            store.keep("mine", "old", None)
            assert store.load("fork") == [record(1), record(2)]
            assert (store.value("mine", "new"), store.value("mine", "old")) == (b"2", None)
            assert "locked" in store.trouble

        {
            "save": lambda: store.save("other", record(3)),
            "keep": lambda: store.keep("yours", "key", b"3"),
            "inherit": lambda: store.inherit("second fork", "thread"),
        }[first]()

        assert store.trouble == ""
        with opened(path) as neighbour:
            neighbour.keep("mine", "new", b"4")
        assert store.value("mine", "new") == b"4"
    with opened(path) as store:
        assert store.load("thread") == store.load("fork") == [record(1), record(2)]
        assert store.load("second fork") == ([record(1), record(2)] if first == "inherit" else [])
        assert (store.value("mine", "new"), store.value("mine", "old")) == (b"4", None)
    assert [event for event, _ in reports] == ["store_unusable", "store_recovered"]


def test_a_damaged_file_stays_in_the_trouble_after_a_full_disk_had_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this was a database once " * 100)
    monkeypatch.setattr("codexplus_core.services.store.LOCK_S", 0.0)
    with opened(path) as store:
        with locked(path):
            store.save("thread", record(1))
        store.save("thread", record(2))

        assert "was damaged" in store.trouble


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    failing: list[bool] = []

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, /, *args: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and failing:
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *args)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, factory=Connection, **more))
    with opened(path) as store:
        failing.append(True)
        store.save("thread", record(1))
        failing.clear()
        with opened(path) as neighbour:
            neighbour.save("other", record(2))
            assert neighbour.trouble == ""
        store.save("thread", record(3))
        assert store.trouble == ""

    with opened(path) as store:
        assert store.load("thread") == [record(1), record(3)]


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
