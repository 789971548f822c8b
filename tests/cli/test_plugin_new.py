"""`codex-plus plugin new`: the package it writes works."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import codexplus_core
from codexplus_core.cli.main import main

SOURCE = str(Path(codexplus_core.__file__).parent.parent)


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", "my-tool"]) == 0
    return tmp_path / "codex-plus-my-tool"


def check(package: Path, *words: str) -> None:
    env = {**os.environ, "PYTHONPATH": SOURCE, "MYPYPATH": SOURCE}
    done = subprocess.run(words, cwd=package, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.req("D3")
def test_the_package_passes_its_own_test(package):
    check(package, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_the_package_is_clean_for_ruff(package):
    ruff = (sys.executable, "-m", "ruff")

    check(package, *ruff, "check", "--no-cache", ".")
    check(package, *ruff, "format", "--no-cache", "--check", ".")


def test_the_package_is_clean_for_mypy(package):
    check(package, sys.executable, "-m", "mypy", "src", "tests")


@pytest.mark.req("D3")
def test_the_package_declares_its_entry_point_and_the_core(package):
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["codexplus.plugins"] == {"my-tool": "codexplus_my_tool"}
    assert any(line.startswith("codex-plus>=") for line in project["dependencies"])


@pytest.mark.parametrize(
    "name",
    ["", "My", "my_tool", "-x", "x-", "a--b", "1st", "../x", "a/b", "core", "slash", "json", "class", "x" * 41, "é"],
)
def test_a_name_that_cannot_be_one_is_a_usage_error(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["plugin", "new", f"--directory={tmp_path / 'out'}", "--", name]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_not_touched(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")

    assert main(["plugin", "new", "tool", "--directory", str(tmp_path)]) == 1

    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_directory_that_cannot_be_written_is_named(capsys):
    assert main(["plugin", "new", "tool", "--directory", "/proc/nowhere"]) == 1
    assert "/proc/nowhere: cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("class", "a word of Python's own"),
        ("abc", "a module of Python's own"),
        ("slash", "a name of codex-plus's own"),
        ("9lives", "begins with a lower-case letter"),
    ],
)
def test_a_refused_name_is_refused_for_its_reason(name, words, capsys):
    assert main(["plugin", "new", name]) == 2
    assert words in capsys.readouterr().err


def test_the_next_steps_install_it_where_codex_plus_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    main(["plugin", "new", "my-tool"])

    said = capsys.readouterr().out
    assert f'{sys.executable} -m pip install -e ".[dev]"' in said
    assert "codex-plus stop" in said
