"""Finding a command by name: which file wins, and that changes are seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexplus_slash import command_file
from codexplus_slash.catalogue import MOST_MODULES, READING_S, Ambiguous, Catalogue, Conflict, Unusable, View
from codexplus_slash.command_file import CommandFile, Source


def write(path: Path, text: str = "body") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def view(tmp_path: Path, *, strict: bool = False) -> View:
    return Catalogue(tmp_path / "home").of(tmp_path / "work", strict=strict)


def body(shown: View, name: str) -> str:
    found = shown.find(name)
    assert isinstance(found, CommandFile)
    return found.body


@pytest.mark.req("S1")
def test_the_projects_command_hides_the_users_and_in_the_strict_profile_the_other_way_round(tmp_path: Path) -> None:
    users = write(tmp_path / "home/.claude/commands/x.md", "user")
    projects = write(tmp_path / "work/.claude/commands/x.md", "project")

    assert body(view(tmp_path), "x") == "project"
    assert view(tmp_path).conflicts == (Conflict("x", projects, users),)
    assert body(view(tmp_path, strict=True), "x") == "user"


@pytest.mark.req("S1")
def test_codexplus_comes_before_claude_before_codex(tmp_path: Path) -> None:
    for folder in (".codexplus", ".claude", ".codex"):
        write(tmp_path / "work" / folder / "commands/a.md", folder)
    for folder in (".claude", ".codex"):
        write(tmp_path / "work" / folder / "commands/b.md", folder)

    assert (body(view(tmp_path), "a"), body(view(tmp_path), "b")) == (".codexplus", ".claude")
    assert body(view(tmp_path, strict=True), "a") == ".claude"


def test_the_nearer_folder_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "work/.git/HEAD")
    write(tmp_path / "work/.codexplus/commands/x.md", "far")
    write(tmp_path / "work/sub/.codex/commands/x.md", "near")
    catalogue = Catalogue(tmp_path / "home")

    for strict in (True, False):
        near = catalogue.of(tmp_path / "work/sub", strict=strict).find("x")
        assert isinstance(near, CommandFile)
        assert near.path.parts[-4:] == ("sub", ".codex", "commands", "x.md")


def test_the_other_names_of_a_command_are_those_that_find_it(tmp_path: Path) -> None:
    commands = tmp_path / "work/.claude/commands"
    for name in ("front/one", "front/two", "back/two", "three", "front/three"):
        write(commands / f"{name}.md")
    found = {strict: view(tmp_path, strict=strict) for strict in (True, False)}

    names = {each.name: found[False].aliases(each) for each in found[False].all()}
    assert names == {"front:one": ("one",), "front:two": (), "back:two": (), "three": (), "front:three": ()}
    assert not any(found[True].aliases(each) for each in found[True].all())


@pytest.mark.parametrize(("strict", "text"), [(True, "user skill"), (False, "project command")])
def test_a_skill_hides_a_command_beside_it_and_any_in_the_strict_profile(
    tmp_path: Path, strict: bool, text: str
) -> None:
    write(tmp_path / "home/.claude/skills/c/SKILL.md", "user skill")
    write(tmp_path / "work/.claude/commands/c.md", "project command")
    write(tmp_path / "work/.claude/commands/d.md", "command")
    write(tmp_path / "work/.claude/skills/d/SKILL.md", "skill")

    assert body(view(tmp_path, strict=strict), "c") == text
    assert body(view(tmp_path, strict=strict), "d") == "skill"


def test_a_skill_is_found_by_its_other_name(tmp_path: Path) -> None:
    write(tmp_path / "work/.claude/skills/sk/SKILL.md", "---\nname: other\n---\nskill")
    write(tmp_path / "work/.claude/commands/c.md", "---\nname: nobody\n---\ncommand")

    for strict in (True, False):
        assert body(view(tmp_path, strict=strict), "other") == body(view(tmp_path, strict=strict), "sk") == "skill"
        assert view(tmp_path, strict=strict).find("nobody") is None


@pytest.mark.req("S3")
def test_the_last_part_of_a_name_will_do_where_it_is_the_only_one(tmp_path: Path) -> None:
    write(tmp_path / "work/.claude/commands/frontend/component.md", "one")
    write(tmp_path / "work/.claude/commands/frontend/list.md", "frontend")
    write(tmp_path / "work/.claude/commands/backend/list.md", "backend")
    write(tmp_path / "work/.claude/commands/deep/down/top.md", "deep")
    write(tmp_path / "work/.claude/commands/top.md", "top")

    shown = view(tmp_path)

    assert body(shown, "component") == body(shown, "frontend:component") == "one"
    assert shown.find("list") == Ambiguous(("backend:list", "frontend:list"))
    assert body(shown, "top") == "top"
    assert shown.find("down:top") is None
    assert view(tmp_path, strict=True).find("component") is None


@pytest.mark.parametrize("name", ["X", "com", "frontend/x", "x ", "", "x.md", "ｘ", "х", "../x", ":x"])
def test_names_are_compared_exactly(tmp_path: Path, name: str) -> None:
    write(tmp_path / "work/.claude/commands/x.md")
    write(tmp_path / "work/.claude/commands/component.md")

    assert view(tmp_path).find(name) is None


def test_names_that_differ_in_case_or_normal_form_are_different(tmp_path: Path) -> None:
    write(tmp_path / "work/.claude/commands/foo.md", "lower")
    write(tmp_path / "work/.claude/commands/FOO.md", "upper")
    write(tmp_path / "work/.claude/commands/\u00e9.md", "composed")
    write(tmp_path / "work/.claude/commands/e\u0301.md", "apart")
    if len(list((tmp_path / "work/.claude/commands").iterdir())) < 4:
        pytest.skip("this file system takes them for one")

    assert [body(view(tmp_path), name) for name in ("foo", "FOO", "\u00e9", "e\u0301")] == [
        "lower", "upper", "composed", "apart",
    ]  # fmt: skip


def test_a_file_that_cannot_be_used_says_why_and_harms_no_other(tmp_path: Path) -> None:
    write(tmp_path / "work/.claude/commands/large.md", "a" * (command_file.LARGEST + 1))
    write(tmp_path / "work/.claude/commands/x.md")

    shown = view(tmp_path)
    large = shown.find("large")

    assert isinstance(large, Unusable)
    assert "larger than" in large.problem
    assert [each.name for each in shown.all()] == ["x"]
    assert shown.problems == (large.problem,)


def test_files_are_read_when_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    really = command_file._read

    def watched(source: Source) -> bytes:
        read.append(source.path)
        return really(source)

    monkeypatch.setattr(command_file, "_read", watched)
    for number in range(5):
        path = write(tmp_path / f"work/.claude/commands/{number}.md")
        os.utime(path, (0, 0))

    view(tmp_path).find("3")

    assert [path.name for path in read] == ["3.md"]


def test_changes_are_seen(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "home")
    commands = tmp_path / "work/.claude/commands"

    def now() -> dict[str, str]:
        return {each.name: each.body for each in catalogue.of(tmp_path / "work", strict=False).all()}

    assert now() == {}
    write(commands / "a.md", "1")
    assert now() == {"a": "1"}
    write(commands / "a.md", "2")
    assert now() == {"a": "2"}
    write(commands / "sub/b.md", "b")
    assert now() == {"a": "2", "sub:b": "b"}
    (commands / "a.md").unlink()
    assert now() == {"sub:b": "b"}
    (commands / "sub").rename(commands / "other")
    assert now() == {"other:b": "b"}


def test_what_did_not_change_is_the_same_view_of_the_same_files(tmp_path: Path) -> None:
    path = write(tmp_path / "work/.claude/commands/sub/a.md")
    for old in (path, path.parent, path.parent.parent):
        os.utime(old, (0, 0))
    catalogue = Catalogue(tmp_path / "home")

    first, again = (catalogue.of(tmp_path / "work", strict=False) for _ in range(2))

    assert first is again


def test_moved_folders_of_the_user_are_read_where_they_are(tmp_path: Path) -> None:
    write(tmp_path / "home/.claude/commands/no.md")
    write(tmp_path / "elsewhere/commands/yes.md")
    catalogue = Catalogue(tmp_path / "home", folders={".claude": tmp_path / "elsewhere"})

    assert catalogue.of(None, strict=True).names() == ("yes",)


@pytest.mark.abuse("B18")
def test_a_listing_reads_no_longer_than_it_may_and_goes_on_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexplus_slash.catalogue.READING_S", READING_S)
    for name in ("a", "b", "c"):
        write(tmp_path / f"work/.claude/commands/{name}.md")
    ticks = iter([0.0, *[READING_S + 1] * 3, *[10.0] * 9])
    shown = Catalogue(tmp_path / "home", clock=lambda: next(ticks)).of(tmp_path / "work", strict=False)

    assert shown.all() == ()
    assert "3 command files were not read yet" in shown.problems[-1]
    assert [each.name for each in shown.all()] == ["a", "b", "c"] and shown.problems == ()


@pytest.mark.abuse("B18")
def test_a_project_has_no_more_modules_than_can_be_asked(tmp_path: Path) -> None:
    for at in range(MOST_MODULES + 5):
        write(tmp_path / f"work/.codexplus/modules/m{at}_module.py")

    assert len(view(tmp_path).modules()) == MOST_MODULES
    assert f"only the first {MOST_MODULES} of {MOST_MODULES + 5} modules" in view(tmp_path).problems[0]
