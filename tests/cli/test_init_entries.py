"""`codex-plus init --hooks`: entries beside the user's own, shown before, and taken back byte for byte."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cli import stand_ins

from codexplus_core import InitStep, hookimpl
from codexplus_core.cli.main import main
from codexplus_core.loader import load_plugins
from codexplus_core.services.paths import codex_home, state_dir


class Offers:
    """A plugin with one file and one entry; the file says what the environment told."""

    @hookimpl
    def add_init_steps(self) -> list[InitStep]:
        return [InitStep("hooks", self.files, "Trust it.", self.entries)]

    def files(self, env: Mapping[str, str]) -> dict[Path, str]:
        return {state_dir(env) / "bridge/url": env["CODEX_PLUS_BASE_URL"]}

    def entries(self, env: Mapping[str, str]) -> dict[Path, dict[str, Sequence[Any]]]:
        return {codex_home(env) / "hooks.json": {"hooks.Stop": [{"ours": True}]}}


@pytest.fixture(autouse=True)
def hooks(private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Codex's hooks file, not there yet."""
    directory = private_home / ".codex"
    directory.mkdir()
    (directory / "auth.json").write_text(json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-x"}))
    stand_ins.codex(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    loaded = load_plugins("none", extra={"hooks": Offers()})
    monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: loaded)
    return directory / "hooks.json"


def test_entries_are_shown_added_and_taken_back(hooks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hooks.write_text('{"hooks": {"Stop": [{"mine": 1}]}}')

    assert main(["init", "--yes", "--hooks", "--port", "4567"]) == 0

    said = capsys.readouterr().out
    assert f"{hooks}: 1 entry, beside those that are there" in said
    assert "as it was is kept in" in said and "Trust it." in said
    assert json.loads(hooks.read_text()) == {"hooks": {"Stop": [{"mine": 1}, {"ours": True}]}}

    assert main(["init", "--undo"]) == 0

    assert f"{hooks}: restored as it was before init" in capsys.readouterr().out
    assert hooks.read_text() == '{"hooks": {"Stop": [{"mine": 1}]}}'


def test_a_step_learns_the_base_url_that_init_is_about_to_write(hooks: Path) -> None:
    assert main(["init", "--yes", "--hooks", "--port", "4567"]) == 0

    assert (state_dir() / "bridge/url").read_text().startswith("http://127.0.0.1:4567/")


def test_what_changed_since_is_kept_and_said(hooks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", "--yes", "--hooks"])
    content = json.loads(hooks.read_text())
    content["hooks"]["Stop"].append({"later": 1})
    hooks.write_text(json.dumps(content))

    main(["init", "--undo"])

    assert "only the entries of codex-plus were taken back" in capsys.readouterr().out
    assert json.loads(hooks.read_text()) == {"hooks": {"Stop": [{"later": 1}]}}


def test_a_broken_file_of_the_users_stops_init_before_it_writes(
    hooks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks.write_text("{")

    assert main(["init", "--yes", "--hooks"]) == 1

    assert "nothing was changed" in capsys.readouterr().err
    assert not (hooks.parent / "config.toml").exists()
