"""The account's file: for its user alone, whole after a kill, and set aside where it is damaged."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from metered import MODEL, requests_in

from codexplus_enterprise.cost.store import Unusable, UsageStore
from codexplus_enterprise.cost.sums import Sums, Use

USE = Use("ada", "/srv/one", MODEL, "api")


def test_a_reader_in_the_same_process_ends_no_locks_of_the_one_that_counts(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    look = "import sys; from pathlib import Path; from codexplus_enterprise.cost.store import UsageStore as Store"
    look = f"{look}; s = Store(Path(sys.argv[1])); s.sums('2000-01-01'); s.close()"
    elsewhere = [sys.executable, "-c", look, str(path)]
    counting = UsageStore(path)
    counting.add({("2026-11-20", USE): Sums(requests=1)}, {})

    assert requests_in(path) == 1
    subprocess.run(elsewhere, check=True)  # the last one to leave removes what is not written back yet
    counting.add({("2026-11-20", USE): Sums(requests=1)}, {})

    try:
        assert requests_in(path) == 2
    finally:
        counting.close()


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "usage.db"
    store = UsageStore(path)

    store.add({("2026-11-20", USE): Sums(requests=1)}, {})

    if os.name == "posix":
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    store.close()


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    aim = tmp_path / "elsewhere"
    aim.write_bytes(b"")
    (tmp_path / "usage.db").symlink_to(aim)

    with pytest.raises(Unusable):
        UsageStore(tmp_path / "usage.db").add({("2026-11-20", USE): Sums(requests=1)}, {})

    assert aim.read_bytes() == b""


def test_reading_makes_no_file(tmp_path: Path) -> None:
    assert not UsageStore(tmp_path / "usage.db").exists
    assert list(tmp_path.iterdir()) == []


WRITER = """
    import sys
    from pathlib import Path
    from codexplus_enterprise.cost.store import UsageStore
    from codexplus_enterprise.cost.sums import Sums, Use

    store = UsageStore(Path(sys.argv[1]))
    for count in range(1, 1_000_000):
        store.add({("2026-11-20", Use("ada", "", "gpt-6.1-sol", "api")): Sums(requests=1, total=7)}, {})
        print(count, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="a kill that nothing survives")
@pytest.mark.abuse("H09")
def test_what_was_written_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    path, told = tmp_path / "usage.db", 0
    for stop in (3, 40, 111):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(stop)]
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
        child.wait()
        child.stdout.close()
        told += int((rest or lines)[-1])

    # The last one may have been written and not been told of.
    assert told <= requests_in(path) <= told + 3
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    path.write_bytes(b"no database at all, " * 100)
    store = UsageStore(path)

    store.add({("2026-11-20", USE): Sums(requests=1)}, {})
    store.close()

    assert "was damaged" in store.damage
    assert len(list(tmp_path.glob("usage.db.damaged-*"))) == 1
    assert requests_in(path) == 1


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    before = path.read_bytes()

    with pytest.raises(Unusable, match="newer codex-plus"):
        UsageStore(path).sums("2026-01-01")

    assert path.read_bytes() == before
