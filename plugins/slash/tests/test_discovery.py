"""Which folders and files are commands, and bounds on hostile ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexplus_slash import discovery, tree
from codexplus_slash.catalogue import Catalogue, View
from codexplus_slash.discovery import Root
from codexplus_slash.tree import Tree


def write(path: Path, text: str = "body") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def view(tmp_path: Path, cwd: str = "work", *, strict: bool = False) -> View:
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / cwd).mkdir(parents=True, exist_ok=True)
    return Catalogue(tmp_path / "home").of(tmp_path / cwd, strict=strict)


def look_no_further(monkeypatch: pytest.MonkeyPatch, levels: int) -> None:
    """Look at so many folders: what lies above the test's is the machine's (Codex's sandbox leaves ``/tmp/.git``)."""
    monkeypatch.setattr(discovery, "HIGHEST", levels)


def found(tmp_path: Path, cwd: str = "work", *, strict: bool = False) -> tuple[str, ...]:
    return view(tmp_path, cwd, strict=strict).names()


@pytest.mark.req("S1", "S3")
@pytest.mark.parametrize("strict", [True, False])
def test_a_name_is_the_way_to_the_file_with_colons(tmp_path: Path, strict: bool) -> None:
    for name in (
        "a.md",
        "frontend/component.md",
        "x/y/z.md",
        ".hid.md",
        ".h/c.md",
        "a_b.md",
        "1.2.md",
        "p:q.md",
        "é.md",
    ):
        write(tmp_path / "work/.claude/commands" / name)
    for name in ("no.MD", "no.txt", "no.markdown", ".md", "node_modules/no.md", ".git/no.md"):
        write(tmp_path / "work/.claude/commands" / name)

    assert set(found(tmp_path, strict=strict)) == {
        "a", "frontend:component", "x:y:z", ".hid", ".h:c", "a_b", "1.2", "p:q", "é",
    }  # fmt: skip


@pytest.mark.req("S3")
def test_the_label_names_scope_and_folder_except_in_the_strict_profile(tmp_path: Path) -> None:
    write(tmp_path / "work/.claude/commands/frontend/component.md")
    write(tmp_path / "home/.codex/commands/a.md")

    assert [each.label for each in view(tmp_path).all()] == ["(user)", "(project:frontend)"]
    assert [each.label for each in view(tmp_path, strict=True).all()] == ["(user)", "(project)"]


@pytest.mark.parametrize("strict", [True, False])
def test_folders_count_up_to_the_repository_and_no_further(tmp_path: Path, strict: bool) -> None:
    write(tmp_path / ".claude/commands/above.md")
    write(tmp_path / "repo/.git/HEAD")
    write(tmp_path / "repo/.claude/commands/top.md")
    write(tmp_path / "repo/sub/.claude/commands/nested.md")
    write(tmp_path / "repo/sub/dir/below/.claude/commands/below.md")

    assert found(tmp_path, "repo/sub/dir", strict=strict) == ("nested", "top")


def test_without_a_repository_folders_count_up_to_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_no_further(monkeypatch, 4)
    write(tmp_path / ".claude/commands/above.md")
    write(tmp_path / "home/.claude/commands/mine.md")
    write(tmp_path / "home/work/.claude/commands/a.md")

    shown = view(tmp_path, "home/work/deep")

    assert shown.names() == ("a", "mine")
    assert [each.scope for each in shown.all()] == ["project", "user"]


@pytest.mark.abuse("B12")
def test_in_the_home_directory_everything_is_the_users(tmp_path: Path) -> None:
    write(tmp_path / "home/.claude/commands/mine.md")

    assert [each.scope for each in view(tmp_path, "home").all()] == ["user"]


@pytest.mark.abuse("B13")
@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_a_home_folder_that_others_can_write_counts_as_a_projects(tmp_path: Path) -> None:
    write(tmp_path / "home/.claude/commands/mine.md")
    (tmp_path / "home/.claude").chmod(0o777)

    shown = view(tmp_path)

    assert [each.scope for each in shown.all()] == ["project"]
    assert "can be written by other users" in shown.problems[0]


@pytest.mark.abuse("B11")
@pytest.mark.parametrize("strict", [True, False])
def test_a_projects_folder_that_is_a_link_out_of_it_is_refused(tmp_path: Path, strict: bool) -> None:
    write(tmp_path / "home/.claude/commands/mine.md")
    write(tmp_path / "work/.git/HEAD")
    (tmp_path / "work/.claude").symlink_to(tmp_path / "home/.claude")

    shown = view(tmp_path, strict=strict)

    assert [each.scope for each in shown.all()] == ["user"]
    assert "leads out of" in shown.problems[0]


def test_links_inside_the_project_are_followed_and_those_that_go_round_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path / "work/other/l.md")
    commands = tmp_path / "work/.claude/commands"
    write(commands / "a.md")
    (commands / "d").symlink_to(tmp_path / "work/other")
    (commands / "f.md").symlink_to(commands / "a.md")
    (commands / "loop").symlink_to(commands)
    (commands / "self.md").symlink_to(commands / "self.md")
    (commands / "gone.md").symlink_to(commands / "nowhere.md")

    for strict in (True, False):
        assert found(tmp_path, strict=strict) == ("a", "d:l", "f")


@pytest.mark.abuse("B11")
def test_a_linked_folder_outside_the_project_is_followed_in_the_strict_profile_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_no_further(monkeypatch, 2)
    write(tmp_path / "outside/l.md")
    write(tmp_path / "work/.claude/commands/a.md")
    (tmp_path / "work/.claude/commands/d").symlink_to(tmp_path / "outside")

    assert found(tmp_path, strict=True) == ("a", "d:l")
    shown = view(tmp_path)
    assert shown.names() == ("a",)
    assert "leads out of" in shown.problems[0]


def test_a_link_that_begins_to_lead_somewhere_is_noticed(tmp_path: Path) -> None:
    write(tmp_path / "work/.claude/commands/a.md")
    (tmp_path / "work/.claude/commands/d").symlink_to(tmp_path / "work/later")
    (tmp_path / "home").mkdir()
    catalogue = Catalogue(tmp_path / "home")
    before = catalogue.of(tmp_path / "work", strict=False).names()

    write(tmp_path / "work/later/l.md")

    assert (before, catalogue.of(tmp_path / "work", strict=False).names()) == (("a",), ("a", "d:l"))


@pytest.mark.parametrize("strict", [True, False])
def test_a_skill_is_a_folder_with_its_file_one_level_down(tmp_path: Path, strict: bool) -> None:
    write(tmp_path / "work/.claude/skills/sk/SKILL.md")
    write(tmp_path / "work/.claude/skills/sk/references/x.md")
    write(tmp_path / "work/.claude/skills/cat/deep/SKILL.md")
    write(tmp_path / "work/.claude/skills/loose.md")
    write(tmp_path / "work/.claude/commands/in/SKILL.md")
    write(tmp_path / "work/.claude/commands/in/part.md")

    shown = view(tmp_path, strict=strict)

    assert [(each.name, each.kind, each.base) for each in shown.all()] == [
        ("in", "skill", tmp_path / "work/.claude/commands/in"),
        ("sk", "skill", tmp_path / "work/.claude/skills/sk"),
    ]


@pytest.mark.req("S7")
def test_files_in_code_are_listed_except_where_claude_code_would_not(tmp_path: Path) -> None:
    for name in (
        ".claude/commands/a.js",
        ".claude/commands/b.py",
        ".codexplus/commands/c.mjs",
        ".codexplus/commands/d.py",
    ):
        write(tmp_path / "work" / name, "raise SystemExit")
    write(tmp_path / "work/.codexplus/commands/__init__.py")
    write(tmp_path / "work/.codexplus/modules/note_module.py")

    shown = view(tmp_path)

    assert [(each.name, each.kind) for each in shown.all()] == [
        ("a", "javascript"), ("b", "python"), ("c", "javascript"), ("d", "python"),
    ]  # fmt: skip
    assert [(each.name, each.kind) for each in shown.modules()] == [("note", "module")]
    assert found(tmp_path, strict=True) == ("c", "d")


def test_a_plugins_commands_bear_its_name(tmp_path: Path) -> None:
    plugin = tmp_path / "folder"
    write(plugin / ".claude-plugin/plugin.json", '{"name": "plug"}')
    write(plugin / "commands/sub/cmd.md")
    write(plugin / "skills/sk/SKILL.md")
    write(tmp_path / "bare/commands/x.md")
    catalogue = Catalogue(tmp_path / "home", plugins=[plugin, tmp_path / "bare"])

    shown = catalogue.of(None, strict=False)

    assert shown.names() == ("bare:x", "plug:sk", "plug:sub:cmd")
    assert [each.plugin_root for each in shown.all()] == [tmp_path / "bare", plugin, plugin]
    assert shown.find("cmd") is None


@pytest.mark.abuse("B18")
def test_what_is_no_regular_file_is_named_and_passed_over(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no FIFOs here")
    write(tmp_path / "work/.claude/commands/a.md")
    os.mkfifo(tmp_path / "work/.claude/commands/x.md")

    shown = view(tmp_path)

    assert shown.names() == ("a",)
    assert "no regular file" in shown.problems[0]


@pytest.mark.abuse("B18")
def test_a_scan_is_bounded_in_files_and_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_ENTRIES", 50)
    monkeypatch.setattr(tree, "DEEPEST", 2)
    commands = tmp_path / "commands"
    for number in range(200):
        write(commands / "many" / f"{number}.md")
    write(commands / "a/b/c/deep.md")
    write(commands / "a/b/c/d/deeper.md")
    few = Tree(Root(commands / "a", "commands", "project"), leave=False)
    many = Tree(Root(commands / "many", "commands", "project"), leave=False)

    assert [source.name for source in few.sources()] == ["b:c:deep"]
    assert len(many.sources()) == 50
    assert "too many files" in many.problems[0]


@pytest.mark.abuse("B18")
def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    for level in range(12):
        (commands / f"{level}").mkdir(parents=True)
    for level in range(11):
        for twin in "ab":
            (commands / f"{level}" / twin).symlink_to(commands / f"{level + 1}")
    write(commands / "11/x.md")

    sources = Tree(Root(commands, "commands", "project"), leave=False).sources()

    assert 0 < len(sources) <= tree.MOST_FILES
