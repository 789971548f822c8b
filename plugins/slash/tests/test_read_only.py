"""Commands that only look, and those that only seem to."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from codexplus_slash.read_only import needs_network, only_looks, only_makes_files


@pytest.mark.parametrize(
    "text",
    [
        "echo hello",
        "seq 1 3",
        "pwd",
        "ls -la src",
        "cat a.txt",
        "head -n 5 a.txt",
        "sort -u a.txt",
        "grep -rn TODO src",
        "find",
        "find . -name '*.py' -type f",
        "find src a.txt -maxdepth 2 -not -path './.git/*' -print",
        "date +%Y",
        "git status --short",
        "git diff HEAD~1 -- src",
        "git log --oneline -10 origin/main..HEAD",
        "git branch --show-current",
        "git remote -v",
        "git stash list",
        "git config --get user.name",
    ],
)
def test_looking_is_seen_as_looking(text: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")

    assert only_looks(shlex.split(text), tmp_path)


@pytest.mark.abuse("D05")
@pytest.mark.parametrize(
    "text",
    [
        "touch a",
        "rm -rf d",
        "tee out.txt",
        "find . -delete",
        "find . -name '*.py' -delete",
        "find . -name -print -exec rm a ;",
        "find . -fprint out",
        "find . -newer /etc/passwd",
        "find -L . -name x",
        "find / -name x",
        "find .. -name x",
        "find ~ -name x",
        "find . -type f /etc",
        "find . -files0-from list",
        "sort -o a.txt b.txt",
        "sort -uo a.txt b.txt",
        "sort --output=a b",
        "uniq a.txt b.txt",
        "date -s 2020-01-01",
        "date 01010000",
        "cat /etc/passwd",
        "cat ../secret",
        "cat ~/.ssh/id_rsa",
        "grep --file=/etc/shadow x",
        "ls -I/etc",
        "jq -f prog.jq a.json",
        "git diff --output=x",
        "git diff --no-index /etc/passwd a",
        "git diff --ext-diff",
        "git grep -O less x",
        "git grep -nO x",
        "git -c core.pager=sh log",
        "git branch new",
        "git branch -D main",
        "git tag v1",
        "git remote add x y",
        "git stash",
        "git config user.name me",
        "git symbolic-ref HEAD refs/heads/x",
        "git commit -m x",
        "./echo hi",
        "/tmp/git status",
    ],
)
def test_what_writes_runs_or_leaves_the_folder_does_not_only_look(text: str, tmp_path: Path) -> None:
    assert not only_looks(shlex.split(text), tmp_path)


def test_a_link_that_leads_out_of_the_folder_is_not_looked_through(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("s", encoding="utf-8")
    (tmp_path / "work/link").symlink_to(tmp_path / "secret")

    assert not only_looks(["cat", "link"], tmp_path / "work")


@pytest.mark.parametrize(
    ("text", "reaches"), [("curl x", True), ("git fetch", True), ("git log", False), ("ls", False)]
)
def test_programs_that_reach_out_are_known(text: str, reaches: bool) -> None:
    assert needs_network(shlex.split(text)) is reaches


@pytest.mark.parametrize("text", ["touch a b", "mkdir -p d/e", "rm -rf d", "cp a b", "mv a d", "tee -a log", "rmdir d"])
def test_making_and_moving_files_of_the_project_is_seen_as_that(text: str, tmp_path: Path) -> None:
    assert only_makes_files(shlex.split(text), tmp_path)


@pytest.mark.abuse("B14", "F05")
@pytest.mark.parametrize(
    "text",
    [
        "touch /tmp/x",
        "touch ../x",
        "tee .git/hooks/post-commit",
        "cp a .claude/settings.json",
        "cp x/.envrc .",
        "mv a .GIT/config",
        "cp -r x/. y",
        "cp -ra x y",
        "cp --target-directory=.git a",
        "touch -r /etc/passwd a",
        "rm -rf .",
        "tee out/file",
        "cp a links",
        "ln -s / x",
        "chmod +x a",
        "sh a",
    ],
)
def test_what_reaches_further_is_not(text: str, tmp_path: Path) -> None:
    (tmp_path / "work/links").mkdir(parents=True)
    (tmp_path / "else").mkdir()
    (tmp_path / "work/out").symlink_to(tmp_path / "else")
    (tmp_path / "work/links/a").symlink_to(tmp_path / "else/target")

    assert not only_makes_files(shlex.split(text), tmp_path / "work")
