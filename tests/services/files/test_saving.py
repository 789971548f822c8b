"""A new file goes below its folder, for one user, over nothing."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from codexplus_core.services.files import CannotSave, save_new

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links")


def test_a_file_is_written_for_this_user_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = save_new(tmp_path / "sessions", "notes/mine.md", b"text")
    finally:
        os.umask(old)

    assert (path, path.read_bytes()) == (tmp_path / "sessions/notes/mine.md", b"text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["mine.md"]


def test_a_folder_that_is_there_stays_as_open_as_it_is(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    project.chmod(0o755)

    save_new(project, "out/notes.md", b"text")

    assert stat.S_IMODE(project.stat().st_mode) == 0o755
    assert stat.S_IMODE((project / "out").stat().st_mode) == 0o700


@pytest.mark.abuse("E09")
@pytest.mark.parametrize(
    "name",
    ["../../.bashrc", "/etc/x", "a/../../x", "..", ".", "", "a//b", "a\0b", "a\nb", "x.", "a:b", "nul.md", "x" * 2000],
)
def test_a_name_that_leads_out_or_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotSave):
        save_new(tmp_path / "sessions", name, b"text")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.abuse("E09")
@pytest.mark.parametrize("target", ["file", "link", "dangling link", "folder behind a link"])
def test_nothing_is_overwritten_nor_written_through_a_link(tmp_path: Path, target: str) -> None:
    sessions, victim = tmp_path / "sessions", tmp_path / "victim"
    sessions.mkdir()
    victim.mkdir()
    (victim / "x").write_text("mine")
    name = "x"
    if target == "file":
        (sessions / "x").write_text("mine")
    elif target == "link":
        (sessions / "x").symlink_to(victim / "x")
    elif target == "dangling link":
        (sessions / "x").symlink_to(victim / "new")
    else:
        (sessions / "sub").symlink_to(victim)
        name = "sub/new"

    with pytest.raises(CannotSave, match="choose another name"):
        save_new(sessions, name, b"text")

    assert sorted(path.name for path in victim.iterdir()) == ["x"] and (victim / "x").read_text() == "mine"


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotSave, match="No space left"):
        save_new(tmp_path, "x", b"text")

    assert list(tmp_path.iterdir()) == []
