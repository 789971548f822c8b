"""Command files as they are read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from codexplus_slash.command_file import LARGEST, CannotLoad, CommandFile, Source, load


def source(path: Path, **more: Any) -> Source:
    return Source(
        "x", path, path.parent, more.pop("scope", "project"), more.pop("kind", "markdown"), "(project)", **more
    )


def read(tmp_path: Path, text: str, **more: Any) -> CommandFile:
    path = tmp_path / "x.md"
    path.write_bytes(text.encode())
    return load(source(path, **more))


@pytest.mark.req("S2")
def test_frontmatter_says_what_a_command_may_and_is(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "---\nallowed-tools: Bash(git add:*), Bash(git status), Read\nargument-hint: [file] [level]\n"
        "description: Review it\nmodel: gpt-5\narguments: file level 3 2nd\n"
        "disable-model-invocation: true\nuser-invocable: false\nallowed_tools: Edit\n---\nBody\n",
    )

    assert found.allowed_tools == ("Bash(git add:*)", "Bash(git status)", "Read")
    assert found.argument_hint == "[file] [level]"
    assert (found.description, found.model) == ("Review it", "gpt-5")
    assert found.arguments == ("file", "level", "2nd")
    assert (found.disable_model_invocation, found.user_invocable) == (True, False)
    assert (found.body, found.body_line) == ("Body\n", 11)


@pytest.mark.parametrize(
    ("written", "tools"),
    [
        ("Bash(git add:*) Read", ("Bash(git add:*)", "Read")),
        ("[Bash(a b), 'Read, Edit']", ("Bash(a b)", "Read", "Edit")),
        ("\n  - Bash(a b)\n  - Read", ("Bash(a b)", "Read")),
        ("Bash(echo $(x):*), Read", ("Bash(echo $(x):*)", "Read")),
        ("Bash(unclosed, Read", ("Bash(unclosed", "Read")),
        ("", ()),
        ("true", ()),
        ("{a: b}", ()),
    ],
)
def test_allowed_tools_are_parted_outside_of_parentheses(tmp_path: Path, written: str, tools: tuple[str, ...]) -> None:
    assert read(tmp_path, f"---\nallowed-tools: {written}\n---\n").allowed_tools == tools


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("\n# A heading\n\ntext", "A heading"),
        ("First line\nsecond", "First line"),
        ("---\ndescription: 12\n---\nBody", "12"),
        ("---\ndescription:\n---\nBody", "Body"),
        ("---\ndescription: [a]\n---\nBody", "[a]"),
        ("x" * 120, "x" * 97 + "..."),
        ("", ""),
    ],
)
def test_without_a_description_the_first_line_describes(tmp_path: Path, text: str, description: str) -> None:
    assert read(tmp_path, text).description == description


def test_only_a_skill_has_another_name(tmp_path: Path) -> None:
    text = "---\nname: other\n---\nBody"

    assert read(tmp_path, text).aliases == ()
    assert read(tmp_path, text, kind="skill").aliases == ("other",)


@pytest.mark.abuse("B16")
def test_code_is_read_and_nothing_else(tmp_path: Path) -> None:
    found = read(tmp_path, "---\nallowed-tools: Bash\n---\n", kind="python")

    assert (found.allowed_tools, found.description) == ((), "")
    assert found.body.startswith("---")


@pytest.mark.abuse("B06")
def test_the_digest_is_that_of_the_bytes_that_the_body_came_from(tmp_path: Path) -> None:
    text = "\ufeff---\r\na: b\r\n---\r\nBody é"

    assert read(tmp_path, text).digest == hashlib.sha256(text.encode()).hexdigest()


def test_bytes_that_are_no_text_are_replaced_and_named(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"a\xffb")

    found = load(source(tmp_path / "x.md"))

    assert found.body == "a\ufffdb"
    assert "UTF-8" in found.problems[0]


@pytest.mark.abuse("B18")
def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no FIFOs here")
    os.mkfifo(tmp_path / "x.md")
    (tmp_path / "link.md").symlink_to("/dev/zero")
    (tmp_path / "loop.md").symlink_to(tmp_path / "loop.md")

    for name, problem in (("x.md", "no regular file"), ("link.md", "no regular file"), ("loop.md", "loop of links")):
        with pytest.raises(CannotLoad, match=problem):
            load(source(tmp_path / name))


def test_a_large_file_and_a_missing_one_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"a" * (LARGEST + 1))

    with pytest.raises(CannotLoad, match=r"x\.md: is larger than 256 KB"):
        load(source(tmp_path / "x.md"))
    with pytest.raises(CannotLoad, match=r"y\.md: cannot be read"):
        load(source(tmp_path / "y.md"))


@pytest.mark.abuse("B11", "E01")
def test_a_link_out_of_the_project_is_followed_to_markdown_in_the_strict_profile_only(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "x.md").write_text("outside", encoding="utf-8")
    (outside / "id_rsa").write_text("secret", encoding="utf-8")
    (project / "x.md").symlink_to(outside / "x.md")
    (project / "key.md").symlink_to(outside / "id_rsa")
    within = Path(os.path.realpath(project))

    with pytest.raises(CannotLoad, match="leads out of"):
        load(source(project / "x.md", within=within))
    assert load(source(project / "x.md", within=within, leave=True)).body == "outside"
    with pytest.raises(CannotLoad, match=r"no \.md file"):
        load(source(project / "key.md", within=within, leave=True))
