"""Looking for files ends, whatever a repository holds, and finds regular files only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexplus_core.services.files import CannotOpen, Found, find_files, reaching

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes")
MD = (".md",)


@pytest.fixture(params=["by the kernel", "part by part"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "part by part":
        monkeypatch.setattr(reaching, "_by_kernel", lambda: False)
    (tmp_path / "r/.claude/commands/sub").mkdir(parents=True)
    return tmp_path.resolve() / "r"


def found(root: Path, *, most: int = 1000, looks: int = 1000) -> Found:
    return find_files(root, ".claude/commands", suffixes=MD, most=most, looks=looks)


def test_files_below_a_folder_are_found_in_order(root: Path) -> None:
    for name in ("b.md", "sub/a.md", "a.md", "note.txt"):
        (root / ".claude/commands" / name).touch()

    assert found(root) == Found(("a.md", "b.md", "sub/a.md"), cut=False)
    assert find_files(root, ".codex/commands", suffixes=MD) == Found((), cut=False)


@pytest.mark.abuse("B18")
def test_pipes_devices_links_and_loops_are_no_files(root: Path, tmp_path: Path) -> None:
    commands = root / ".claude/commands"
    os.mkfifo(commands / "pipe.md")
    (commands / "folder.md").mkdir()
    (commands / "loop").symlink_to(commands)
    (commands / "self.md").symlink_to("self.md")
    (commands / "device.md").symlink_to("/dev/zero")
    (tmp_path / "secret.md").touch()
    (commands / "out.md").symlink_to(tmp_path / "secret.md")
    (commands / "plain.md").touch()

    assert found(root) == Found(("plain.md",), cut=False)


@pytest.mark.abuse("B18")
def test_a_flood_of_files_is_cut(root: Path) -> None:
    for number in range(50):
        (root / f".claude/commands/{number:02}.md").touch()

    assert (len(found(root, most=10).files), found(root, most=10).cut) == (10, True)
    assert (len(found(root, looks=10).files) <= 10, found(root, looks=10).cut) == (True, True)


@pytest.mark.abuse("B18")
def test_deep_folders_are_cut(root: Path) -> None:
    deep = root / ".claude/commands" / "/".join("d" * 60)
    deep.mkdir(parents=True)
    (deep / "x.md").touch()

    assert found(root) == Found((), cut=True)


@pytest.mark.abuse("B11")
def test_a_commands_folder_that_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home/.claude/commands").mkdir(parents=True)
    (tmp_path / "home/.claude/commands/mine.md").touch()
    (root / ".claude").rename(root / "gone")
    (root / ".claude").symlink_to(tmp_path / "home/.claude")

    with pytest.raises(CannotOpen, match="over a link"):
        found(root)


def test_the_users_own_folder_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles/commands").mkdir(parents=True)
    (tmp_path / "shared.md").touch()
    (tmp_path / "dotfiles/commands/mine.md").symlink_to(tmp_path / "shared.md")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.claude").symlink_to(tmp_path / "dotfiles")

    assert find_files(tmp_path / "home", ".claude/commands", suffixes=MD, follow=True).files == ("mine.md",)
