"""Lines go behind the file that has the name now, and one commit brings all of them to the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from codexplus_core.services.transcripts.appending import MOST_OPEN, Appending

ROOM = 1 << 30
posix = pytest.mark.skipif(os.name != "posix", reason="names of open files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home/sessions"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The files that were brought to the disk."""
    found: list[int] = []
    name = "fdatasync" if hasattr(os, "fdatasync") else "fsync"
    sync = getattr(os, name)

    def noted(handle: int) -> None:
        found.append(handle)
        sync(handle)

    monkeypatch.setattr(os, name, noted)
    return found


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_lines_are_there_at_once_and_synced_together(folder: Path, synced: list[int]) -> None:
    appending = Appending(folder)

    for number in range(5):
        appending.append("a", b"%d\n" % number, most=ROOM)
    appending.append("b", b"x\n", most=ROOM)
    before = (len(synced), (folder / "a.jsonl").read_bytes())

    assert before == (0, b"0\n1\n2\n3\n4\n")
    assert appending.commit() is True
    assert len(synced) == 2 and appending.stems == frozenset()
    assert appending.commit() is False


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no list of open files")
def test_no_file_stays_open_behind_a_commit(folder: Path) -> None:
    appending, before = Appending(folder), open_files()

    for number in range(MOST_OPEN):
        appending.append(f"s{number}", b"x\n", most=ROOM)
    opened = (appending.full, open_files() - before)
    appending.commit()

    assert opened == (True, MOST_OPEN)
    assert open_files() == before


@posix
@pytest.mark.parametrize("how", ["removed", "replaced", "moved away"])
def test_a_file_that_went_meanwhile_does_not_swallow_lines(folder: Path, how: str) -> None:
    appending, path = Appending(folder), folder / "a.jsonl"
    appending.append("a", b"one\n", most=ROOM)
    if how == "removed":
        path.unlink()
    elif how == "replaced":
        (folder / "other").write_bytes(b"theirs\n")
        (folder / "other").replace(path)
    else:
        path.rename(folder / "kept.jsonl")

    appending.append("a", b"two\n", most=ROOM)
    appending.commit()

    assert path.read_bytes() == (b"theirs\ntwo\n" if how == "replaced" else b"two\n")
    if how == "moved away":
        assert (folder / "kept.jsonl").read_bytes() == b"one\n"


@posix
@pytest.mark.abuse("E09")
def test_a_link_that_took_the_place_of_an_open_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    appending, victim = Appending(folder), tmp_path / "victim"
    victim.write_text("mine")
    appending.append("a", b"one\n", most=ROOM)
    (folder / "a.jsonl").unlink()
    (folder / "a.jsonl").symlink_to(victim)

    with pytest.raises(OSError):
        appending.append("a", b"two\n", most=ROOM)

    assert victim.read_text() == "mine"


def test_what_another_process_tore_off_meanwhile_stands_by_itself(folder: Path) -> None:
    appending = Appending(folder)
    appending.append("a", b"one\n", most=ROOM)
    with (folder / "a.jsonl").open("ab") as file:
        file.write(b"to")

    appending.append("a", b"two\n", most=ROOM)
    appending.append("a", b"three\n", most=ROOM)
    appending.commit()

    assert (folder / "a.jsonl").read_bytes() == b"one\nto\ntwo\nthree\n"


def test_more_than_there_is_room_for_is_refused(folder: Path) -> None:
    appending = Appending(folder)
    appending.append("a", b"12345\n", most=10)

    with pytest.raises(OSError) as refused:
        appending.append("a", b"12345\n", most=10)

    assert refused.value.errno == errno.ENOSPC
    assert (folder / "a.jsonl").read_bytes() == b"12345\n"


def test_one_file_that_cannot_be_synced_does_not_keep_others_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    appending, tried = Appending(folder), list[int]()

    def failing(handle: int) -> None:
        tried.append(handle)
        if len(tried) == 1:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync" if hasattr(os, "fdatasync") else "fsync", failing)
    for stem in ("a", "b"):
        appending.append(stem, b"x\n", most=ROOM)

    with pytest.raises(OSError, match="Input/output"):
        appending.commit()

    assert len(tried) >= 2 and appending.stems == frozenset()
    for handle in tried[:2]:
        with pytest.raises(OSError):
            os.fstat(handle)
