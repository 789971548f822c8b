"""State on disk where it cannot be written: full disks, locks, failed commits."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from services.stored import Reports, locked, opened, record

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
