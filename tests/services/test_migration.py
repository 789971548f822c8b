"""Copies from `.codex` to `.claude` overwrite nothing, follow no link and bring nothing but files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexplus_core.services.migration import FILES, SIZE, carry_out, copies, count
from codexplus_core.services.problem import Problem


@pytest.fixture
def codex(tmp_path: Path) -> Path:
    folder = tmp_path / ".codex"
    (folder / "commands").mkdir(parents=True)
    return folder


def names(tmp_path: Path, codex: Path) -> list[str]:
    return [copy.source.name for copy in copies(codex, tmp_path / ".claude")]


def test_only_settings_and_commands_are_copied(tmp_path: Path, codex: Path) -> None:
    for name in ("settings.json", "settings.local.json", "settings.yaml", "config.toml", "auth.json", "commands/a.md"):
        (codex / name).write_text(name)

    carry_out(copies(codex, tmp_path / ".claude"))

    found = [
        str(path.relative_to(tmp_path / ".claude")) for path in (tmp_path / ".claude").rglob("*") if path.is_file()
    ]
    assert sorted(found) == ["commands/a.md", "settings.json", "settings.local.json", "settings.yaml"]


@pytest.mark.parametrize(
    ("there", "left"), [("settings.yaml", ["settings.local.yml"]), ("settings.local.json", ["settings.json"])]
)
def test_settings_of_one_name_are_left_where_they_would_count_more(
    tmp_path: Path, codex: Path, there: str, left: list[str]
) -> None:
    for name in ("settings.json", "settings.local.yml"):
        (codex / name).write_text(name)
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / there).write_text("mine")

    assert names(tmp_path, codex) == left


@pytest.mark.abuse("B11", "B18")
def test_links_fifos_and_outsized_files_are_left_out(tmp_path: Path, codex: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (codex / "settings.json").symlink_to(tmp_path / "secret")
    os.mkfifo(codex / "commands/fifo.md")
    (codex / "commands/linked").symlink_to(tmp_path)
    (codex / "commands/big.md").write_bytes(b"x" * (SIZE + 1))
    (codex / "commands/good.md").write_text("good")

    assert names(tmp_path, codex) == ["good.md"]


@pytest.mark.abuse("B11")
def test_a_link_in_the_place_of_a_folder_is_not_written_through(tmp_path: Path, codex: Path) -> None:
    (codex / "commands/good.md").write_text("good")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/commands").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path, codex) == []

    (tmp_path / ".claude/commands").unlink()
    (tmp_path / ".claude").rmdir()
    (tmp_path / ".claude").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path, codex) == []


@pytest.mark.abuse("B18")
def test_so_many_files_and_no_more(tmp_path: Path, codex: Path) -> None:
    for number in range(FILES + 20):
        (codex / f"commands/{number}.md").touch()

    assert len(names(tmp_path, codex)) == FILES
    assert count(codex) == (0, FILES)


def test_what_comes_to_be_there_meanwhile_stays(tmp_path: Path, codex: Path) -> None:
    (codex / "settings.json").write_text("theirs")
    planned = copies(codex, tmp_path / ".claude")
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.json").write_text("mine")

    assert carry_out(planned) == []
    assert (tmp_path / ".claude/settings.json").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, codex: Path) -> None:
    (codex / "commands/a.md").write_text("a")
    planned = copies(codex, tmp_path / ".claude")
    (tmp_path / ".claude").write_text("a file")

    with pytest.raises(Problem, match="copy it by hand"):
        carry_out(planned)


def test_a_folder_that_is_both_is_not_copied_onto_itself(codex: Path) -> None:
    (codex / "settings.json").write_text("x")

    assert copies(codex, codex) == []
