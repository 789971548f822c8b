"""Which file a command starts, and which files of the project are part of what was approved."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from codexplus_core.services.programs import (
    NamedWords,
    SearchPaths,
    files_among,
    locate,
    named_files,
    resolve,
    search_path,
)
from codexplus_core.services.run import CannotStart

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with scripts, and a PATH that leads into it."""
    for name in ("scripts/fmt.sh", "node_modules/.bin/prettier", "prettier", "sh", "data.txt"):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\necho evil\n")
        path.chmod(0o755)
    return tmp_path / "project"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@posix
@pytest.mark.abuse("B08")
def test_a_projects_directories_never_decide_what_a_name_means(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.parent / "link").symlink_to(project / "node_modules/.bin")
    inside = [
        "",
        ".",
        str(project),
        str(project / "node_modules/.bin"),
        "node_modules/.bin",
        str(project.parent / "link"),
    ]
    monkeypatch.setenv("PATH", os.pathsep.join([*inside, "/usr/bin"]))
    monkeypatch.chdir(project)

    found = resolve(["sh", "-c", "true"], project)

    assert not found.path.resolve().is_relative_to(project)
    assert found.path.is_absolute()
    with pytest.raises(CannotStart, match=r"^prettier: no such program"):
        resolve(["prettier"], project)


@posix
def test_directories_that_others_may_write_are_left_out(tmp_path: Path) -> None:
    ours, open_to_all, sticky = tmp_path / "ours", tmp_path / "open", tmp_path / "sticky"
    for path, mode in ((ours, 0o755), (open_to_all, 0o777), (sticky, 0o1777)):
        path.mkdir()
        path.chmod(mode)
    environ = {"PATH": f"{open_to_all}:{sticky}:{ours}:{tmp_path}/absent", "HOME": str(tmp_path / "home")}

    found = search_path(tmp_path / "project", environ)

    assert found[0] == str(ours)
    assert not {str(open_to_all), str(sticky), f"{tmp_path}/absent"} & set(found)
    assert "/usr/bin" in found


@posix
def test_a_home_directory_is_no_project_whose_programs_are_left_out(tmp_path: Path) -> None:
    tools = tmp_path / "home/.local/bin"
    tools.mkdir(parents=True)
    environ = {"PATH": str(tools), "HOME": str(tmp_path / "home")}

    assert str(tools) in search_path(tmp_path / "home", environ)
    assert str(tools) in search_path(tmp_path, environ)
    assert str(tools) not in search_path(tmp_path / "home/.local", environ)


@posix
def test_the_digest_is_of_the_file_behind_the_name(project: Path) -> None:
    found = resolve([sys.executable, "-c", "1"], project)

    assert found.path == Path(sys.executable)
    assert found.digest == sha256(Path(sys.executable).resolve())


@posix
@pytest.mark.abuse("B07")
@pytest.mark.parametrize(
    "argv",
    [
        ["./scripts/fmt.sh", "--all"],
        ["sh", "scripts/fmt.sh"],
        ["sh", "-c", "./scripts/fmt.sh --all"],
        ["bash", "-ec", "cd x; (scripts/fmt.sh)|cat>out"],
        ["sh", "-c", "if true; then 'scripts/fmt.sh'; fi"],
        ["sh", "-c", "echo \"open; scripts/fmt.sh"],
        ["env", "--x=scripts/fmt.sh"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_scripts_of_the_project_that_a_command_names_are_pinned(project: Path, argv: list[str]) -> None:
    found = resolve(argv, project)
    (project / "scripts/fmt.sh").write_text("#!/bin/sh\necho changed\n")
    changed = resolve(argv, project)

    assert [pin.path for pin in found.pinned] == [project / "scripts/fmt.sh"]
    assert found.pinned != changed.pinned


@posix
def test_only_files_of_the_project_are_pinned(project: Path) -> None:
    argv = ["cat", "/etc/passwd", "../x", "scripts", "data.txt", "a\0b", "x" * 5000, "é" * 300]

    assert named_files(argv, project, project) == (project / "data.txt",)


@posix
@pytest.mark.abuse("B07")
@pytest.mark.parametrize(
    ("argv", "file", "said"),
    [
        (["make", "all"], "Makefile", "Makefile, which make reads"),
        (["sh", "-c", "npm run fmt"], "package.json", "package.json, which npm reads"),
        (["python3", "-m", "tool"], "tool.py", "a module that python3 finds"),
    ],
)
def test_what_else_a_command_runs_of_the_project_is_said(
    project: Path, argv: list[str], file: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / file).write_text("x")
    tools = project.parent / "tools"
    tools.mkdir()
    for name in ("make", "python3"):
        (tools / name).write_text("")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin")

    assert said in resolve(argv, project).unpinned


@posix
def test_a_file_too_large_to_compare_is_said_not_pinned(project: Path) -> None:
    with (project / "large").open("wb") as file:
        file.truncate(17 << 20)

    found = resolve(["sh", "large"], project)

    assert (found.pinned, found.unpinned) == ((), (f"{project / 'large'}, which is too large to be compared",))


@posix
def test_a_path_is_seen_from_the_working_directory(project: Path) -> None:
    assert locate("./scripts/fmt.sh", project, ()) == project / "scripts/fmt.sh"
    with pytest.raises(CannotStart, match=r"^\./fmt\.sh: no such program; check the path"):
        locate("./fmt.sh", project, ())


@posix
@pytest.mark.abuse("B08")
def test_a_search_path_that_is_remembered_is_looked_at_again_when_a_directory_becomes_another(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, tools, others = tmp_path / "link", tmp_path / "tools", tmp_path / "others"
    for each in (tools, others):
        each.mkdir()
    link.symlink_to(tools)
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, (link, others))))
    paths = SearchPaths()

    before = paths.of(project)
    link.unlink()
    link.symlink_to(project)
    led_into_the_project = paths.of(project)
    others.chmod(0o777)
    written_by_anybody = paths.of(project)

    assert before[:2] == (str(link), str(others)) and paths.of(project) is written_by_anybody
    assert str(link) not in led_into_the_project and led_into_the_project[0] == str(others)
    assert str(others) not in written_by_anybody


@posix
@pytest.mark.parametrize("word", ["", ".", "..", "a\0b", "\ud800", "nothing-of-this-name"])
def test_a_word_that_is_no_program_is_none(word: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no such program"):
        locate(word, tmp_path, search_path(tmp_path))


def test_words_that_are_remembered_are_looked_for_anew_each_time(project: Path) -> None:
    words, argv = NamedWords(), ("sh", "-c", "./new.sh && cat --config=new.json")

    before = files_among(words.of(argv), project, project)
    for name in ("new.sh", "new.json"):
        (project / name).touch()
    after = files_among(words.of(argv), project, project)

    assert before == () and words.of(argv) is words.of(argv)
    assert after == named_files(argv, project, project) == (project / "new.sh", project / "new.json")
