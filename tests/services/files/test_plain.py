"""Only regular files are read, within a bound, and never by way of a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexplus_core.services.files import CannotOpen, read_file


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")

    assert read_file(tmp_path / "a") == b"text"


@pytest.mark.abuse("E02", "E06")
@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "device", "missing", "too large", "a NUL in its name"])
def test_anything_else_is_refused_in_words_and_never_hangs(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "named"
    if kind == "link":
        (tmp_path / "real").write_text("x")
        path.symlink_to(tmp_path / "real")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "too large":
        path.write_bytes(b"x" * 11)
    elif kind == "a NUL in its name":
        path = tmp_path / "a\0b"

    with pytest.raises(CannotOpen, match="name a"):
        read_file(path, limit=10)
