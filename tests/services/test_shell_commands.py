"""What a shell text comes to, as those see it who ask the user about it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from codexplus_core import programs_of, shell_commands


def test_a_text_is_its_simple_commands() -> None:
    assert shell_commands("cd src && ls -l 2>/dev/null | wc -l; echo 'a b'") == (
        ("cd", "src"), ("ls", "-l"), ("wc", "-l"), ("echo", "a b"),
    )  # fmt: skip


@pytest.mark.abuse("D01")
@pytest.mark.parametrize("text", ["echo $(id)", "echo a > b", "ls &", "echo $HOME", "if true; then ls; fi", "'"])
def test_a_text_that_is_not_understood_or_writes_is_none(text: str) -> None:
    assert shell_commands(text) is None


def test_programs_are_named_with_path_and_digest_and_so_are_the_projects_files(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\n", encoding="utf-8")

    (shell, path, digest), pinned, missing = programs_of([("sh", "run.sh"), ("no-such-program",)], cwd=tmp_path)

    assert shell == "sh" and Path(path).is_absolute() and len(digest) == 64
    assert pinned == ("run.sh", str(script.resolve()), hashlib.sha256(script.read_bytes()).hexdigest())
    assert missing == ("no-such-program", "", "")
