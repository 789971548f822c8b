"""What `init` finds in `.claude` and `.codex`, and what it copies only when it is told to."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.cli.main import main


@pytest.fixture
def project(private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project and a home with settings and commands in `.codex`."""
    for folder in (private_home / ".codex", tmp_path / "project/.codex"):
        (folder / "commands/git").mkdir(parents=True)
        (folder / "settings.json").write_text(json.dumps({"model": "x"}))
        (folder / "commands/fix.md").write_text("fix it")
        (folder / "commands/git/log.md").write_text("log")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("CODEX_PLUS_CODEX", "no-such-codex")
    return tmp_path / "project"


def moved(folder: Path) -> list[str]:
    claude = folder / ".claude"
    return sorted(str(path.relative_to(claude)) for path in claude.rglob("*") if path.is_file())


ALL = ["commands/fix.md", "commands/git/log.md", "settings.json"]


@pytest.mark.req("C5")
def test_what_is_there_is_counted_and_nothing_is_copied_unasked(project: Path, private_home: Path, capsys: Any) -> None:
    assert main(["init", "--yes"]) == 0

    said = capsys.readouterr().out
    assert f"{private_home / '.codex'}: 1 settings file, 2 commands (yours)" in said
    assert f"{project / '.codex'}: 1 settings file, 2 commands (this project's)" in said
    assert "Could be copied to .claude" in said and "init --migrate" in said
    assert moved(project) == moved(private_home) == []


@pytest.mark.req("C5")
def test_what_is_asked_for_is_copied_and_stays_where_it_was(project: Path, private_home: Path, capsys: Any) -> None:
    (project / ".claude").mkdir()
    (project / ".claude/settings.json").write_text("mine")

    assert main(["init", "--yes", "--migrate"]) == 0

    assert "5 files copied to .claude" in capsys.readouterr().out
    assert moved(project) == moved(private_home) == ALL
    assert (project / ".claude/settings.json").read_text() == "mine"
    assert (private_home / ".claude/commands/fix.md").read_text() == "fix it"
    assert (project / ".codex/commands/fix.md").exists()

    assert main(["init", "--yes", "--migrate"]) == 0
    assert "copied" not in capsys.readouterr().out


def test_without_a_terminal_and_without_yes_nothing_is_copied(project: Path, capsys: Any) -> None:
    assert main(["init", "--migrate"]) == 2

    assert moved(project) == []


def test_without_a_terminal_it_does_not_ask_for_it(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert main(["init", "--yes"]) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    assert main(["init"]) == 0

    said = capsys.readouterr().out
    assert "init --migrate" in said and "[y/N]" not in said
    assert moved(project) == []


def test_undoing_takes_no_migration(project: Path, capsys: Any) -> None:
    assert main(["init", "--undo", "--migrate"]) == 2


@pytest.mark.req("C5")
@pytest.mark.parametrize(("answers", "files"), [(b"y\ny\n", ALL), (b"y\n\n", [])])
def test_on_a_terminal_it_asks_for_it_alone(project: Path, answers: bytes, files: list[str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "codexplus_core.cli", "init"], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, answers)
        seen = b""
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:
            pass
        os.close(ours)

    assert b"Copy these to .claude? [y/N]" in seen
    assert process.returncode == 0
    assert moved(project) == files


def test_in_the_home_directory_the_folders_are_the_users_alone(
    project: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(private_home)

    main(["init", "--yes"])

    assert "this project's" not in capsys.readouterr().out
