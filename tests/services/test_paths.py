"""Our own files: private, whole or not at all."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codexplus_core.services.paths import (
    codex_home,
    private_dir,
    read_private,
    read_regular,
    state_dir,
    token,
    token_file,
    write_atomic,
)
from codexplus_core.services.problem import Problem

posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX's")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_state_directory_is_in_the_home_unless_named():
    assert state_dir({"HOME": "/h"}) == Path("/h/.codexplus")
    assert state_dir({"HOME": "/h", "CODEX_PLUS_HOME": "/s"}) == Path("/s")


def test_codexs_home_is_in_the_home_unless_named():
    assert codex_home({"HOME": "/h"}) == Path("/h/.codex")
    assert codex_home({"HOME": "/h", "CODEX_HOME": "/c"}) == Path("/c")


@posix
@pytest.mark.abuse("A21")
def test_directory_and_token_are_for_us_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        token(tmp_path / "home")
    finally:
        os.umask(before)

    assert mode(tmp_path / "home") == 0o700
    assert mode(token_file(tmp_path / "home")) == 0o600


@posix
def test_a_directory_of_ours_that_is_open_to_others_is_closed(tmp_path):
    (tmp_path / "home").mkdir(mode=0o755)

    private_dir(tmp_path / "home")

    assert mode(tmp_path / "home") == 0o700


def test_the_token_is_made_once(tmp_path):
    first = token(tmp_path)

    assert len(first) >= 43
    assert token(tmp_path) == first


def test_two_first_callers_get_the_same_token(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: token(tmp_path), range(64)))

    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize("content", ["", "short", "x" * 42, "white space " * 5])
def test_a_broken_token_file_is_refused_with_the_remedy(tmp_path, content):
    write_atomic(token_file(tmp_path), content.encode())

    with pytest.raises(Problem, match="remove the file, then run: codex-plus init"):
        token(tmp_path)


@posix
@pytest.mark.abuse("A21")
def test_a_token_that_others_can_read_is_refused(tmp_path):
    token(tmp_path)
    token_file(tmp_path).chmod(0o644)

    with pytest.raises(Problem, match="chmod 600"):
        token(tmp_path)


@posix
def test_a_token_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").write_text("x" * 43)
    token_file(tmp_path).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Problem, match="symbolic link"):
        token(tmp_path)


@posix
def test_a_pipe_in_place_of_a_file_neither_hangs_nor_passes(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(Problem, match="no regular file"):
        read_private(tmp_path / "pipe")


def test_a_missing_file_is_none(tmp_path):
    assert read_private(tmp_path / "none") is None


@posix
def test_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "victim").write_text("safe")
    (tmp_path / "file").symlink_to(tmp_path / "victim")

    write_atomic(tmp_path / "file", b"new")

    assert (tmp_path / "victim").read_text() == "safe"
    assert not (tmp_path / "file").is_symlink()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem, match="cannot be written \\(No space left"):
        write_atomic(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_in_the_directorys_place_is_named(tmp_path):
    (tmp_path / "home").write_text("")

    with pytest.raises(Problem, match="is a file, a directory is needed"):
        private_dir(tmp_path / "home")


@posix
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 12345, 12345)

    with pytest.raises(Problem, match="belongs to user 12345, not to you; set CODEX_PLUS_HOME"):
        token(tmp_path / "home")


@posix
def test_a_directory_that_cannot_be_made_is_named_with_the_remedy():
    with pytest.raises(Problem, match=r"cannot be created or used .*set CODEX_PLUS_HOME"):
        private_dir(Path("/proc/nowhere/home"))


@pytest.mark.skipif(os.name != "posix", reason="FIFOs and devices are POSIX's")
def test_a_foreign_file_that_would_block_or_never_end_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * 11)
    (tmp_path / "small").write_bytes(b"x" * 10)

    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path / "large"):
        with pytest.raises(OSError, match="it is"):
            read_regular(path, limit=10)
    assert read_regular(tmp_path / "small", limit=10) == b"x" * 10
