"""`codex-plus init --skills` and the like: what a plugin has written, shown before and taken back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli import stand_ins

from codexplus_core import InitStep, hookimpl
from codexplus_core.cli.main import main
from codexplus_core.loader import load_plugins

Offer = Callable[..., None]


@pytest.fixture
def codex_home(private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = private_home / ".codex"
    directory.mkdir()
    (directory / "auth.json").write_text(json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-x"}))
    stand_ins.codex(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return directory


class Offers:
    """A plugin that has skills written."""

    def __init__(self, *names: str) -> None:
        self.names = names

    @hookimpl
    def add_init_steps(self) -> list[InitStep]:
        return [InitStep("skills", self.files, "Type $ in Codex.")]

    def files(self, env: Any) -> dict[Any, str]:
        from codexplus_core.services.paths import codex_home

        return {codex_home(env) / "skills" / name / "SKILL.md": name for name in self.names}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def offer(*names: str) -> None:
        loaded = load_plugins("none", extra={"slash": Offers(*names)})
        monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: loaded)

    return offer


def test_the_files_of_a_plugin_are_shown_written_and_taken_back(
    codex_home: Path, offered: Offer, capsys: pytest.CaptureFixture[str]
) -> None:
    offered("fix", "deploy")

    assert main(["init", "--yes", "--skills"]) == 0

    said = capsys.readouterr().out
    assert "This will write, for --skills:" in said and "skills/fix/SKILL.md" in said
    assert "Type $ in Codex." in said
    assert (codex_home / "skills/deploy/SKILL.md").read_text() == "deploy"

    assert main(["init", "--undo"]) == 0

    assert "Removed 2 files that init had written" in capsys.readouterr().out
    assert not (codex_home / "skills").exists()


def test_files_and_entries_to_be_written_stand_below_one_heading(
    codex_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = codex_home / "hooks.json"

    class Both(Offers):
        @hookimpl
        def add_init_steps(self) -> list[InitStep]:
            return [InitStep("skills", self.files, entries=lambda env: {hooks: {"hooks.Stop": [{"command": "x"}]}})]

    loaded = load_plugins("none", extra={"slash": Both("fix")})
    monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: loaded)

    main(["init", "--yes", "--skills"])

    lines = capsys.readouterr().out.splitlines()
    heading = lines.index("This will write, for --skills:")
    assert lines.count("This will write, for --skills:") == 1
    assert lines[heading + 1 : heading + 3] == [
        f"  {codex_home}/skills/fix/SKILL.md",
        f"  {hooks}: 1 entry, beside those that are there",
    ]


def test_a_second_time_writes_what_is_new_and_removes_what_is_gone(
    codex_home: Path, offered: Offer, capsys: pytest.CaptureFixture[str]
) -> None:
    offered("fix")
    main(["init", "--yes", "--skills"])
    offered("deploy")

    main(["init", "--yes", "--skills"])

    assert "This will remove, for --skills:" in capsys.readouterr().out
    assert [path.name for path in (codex_home / "skills").iterdir()] == ["deploy"]


def test_a_skill_of_the_users_own_is_never_overwritten(
    codex_home: Path, offered: Offer, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = codex_home / "skills/fix/SKILL.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    offered("fix")

    main(["init", "--yes", "--skills"])
    main(["init", "--undo"])

    assert f"{mine}: is there already and not from here; left alone" in capsys.readouterr().out
    assert mine.read_text() == "mine"


def test_without_a_terminal_and_without_yes_nothing_is_written(codex_home: Path, offered: Offer) -> None:
    offered("fix")

    assert main(["init", "--skills"]) == 2

    assert not (codex_home / "skills").exists()
