"""Long outputs of shell commands: how long the files stay that hold them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from slash_folders import own_command, prompt_at, proxy_in, write

from codexplus_slash.kept_outputs import sweep


def output(folder: Path, name: str, *, written: float, size: int = 10) -> Path:
    path = write(folder / name, "x" * size)
    os.utime(path, (written, written))
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.txt"))


def test_what_is_old_goes_and_its_empty_folder_too(tmp_path: Path) -> None:
    output(tmp_path, "a/old.txt", written=10)
    output(tmp_path, "b/new.txt", written=100)

    assert sweep(tmp_path, before=50, most=1000) == 1
    assert left(tmp_path) == ["new.txt"] and not (tmp_path / "a").exists()


def test_the_oldest_go_until_the_rest_has_room_and_the_newest_stays(tmp_path: Path) -> None:
    for at in range(5):
        output(tmp_path, f"t/{at}.txt", written=100 + at)

    sweep(tmp_path, before=0, most=25)
    assert left(tmp_path) == ["3.txt", "4.txt"]

    sweep(tmp_path, before=1000, most=0)
    assert left(tmp_path) == ["4.txt"]


@pytest.mark.abuse("E09")
def test_nothing_else_is_touched_and_no_link_is_followed(tmp_path: Path) -> None:
    other = output(tmp_path, "elsewhere/keep.txt", written=1)
    kept = tmp_path / "kept"
    output(kept, "t/old.txt", written=1)
    output(kept, "t/new.txt", written=2)
    write(kept / "t/notes.md", "mine")
    (kept / "link").symlink_to(other.parent)
    (kept / "t/link.txt").symlink_to(other)

    sweep(kept, before=1000, most=0)

    assert other.exists() and (kept / "t/notes.md").exists() and (kept / "link").is_symlink()
    assert not (kept / "t/old.txt").exists()


def test_where_there_is_no_folder_there_is_nothing_to_remove(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none", before=1000, most=0) == 0


async def test_a_new_output_makes_room_for_itself(folders: Path) -> None:
    old = output(folders / "home/.codexplus/tool-results", "before/old.txt", written=1)
    (folders / "home/.codexplus").chmod(0o700)
    own_command(folders, "st", "A !`seq 1 8000` B")

    async with proxy_in(folders) as proxy:
        await proxy.say("/st")

        assert "Full output saved to: " in prompt_at(proxy)[0]
        assert not old.exists()
