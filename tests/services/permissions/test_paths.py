"""Path rules: broad when they deny, narrow when they allow, by both names of a file."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from services.permissions.rules import HOME, PROJECT, edit, read, rules

from codexplus_core.services.permissions import Layer, ReadFile, RuleSet


@pytest.mark.req("X3")
@pytest.mark.parametrize("rule", ["Read(./.env)", "Read(.env)", "Read(**/.env)", "Read(.ENV)"])
@pytest.mark.parametrize("path", [".env", "sub/.env", "sub/deep/.env", "./.env", ".//.env", "src/../.env", ".ENV"])
def test_a_denied_name_is_denied_at_any_depth(rule: str, path: str) -> None:
    assert rules(allow=["Read"], deny=[rule]).judge(read(path)).decision == "deny"


@pytest.mark.req("X3")
@pytest.mark.parametrize("rule", ["Read(secrets/**)", "Read(secrets/*)", "Read(secrets)", "Read(secrets/)"])
@pytest.mark.parametrize("path", ["secrets/k/x", "sub/secrets/y", "Secrets/x"])
def test_a_denied_folder_is_denied_with_what_is_in_it(rule: str, path: str) -> None:
    assert rules(allow=["Read"], deny=[rule]).judge(read(path)).decision == "deny"


@pytest.mark.abuse("E03")
def test_a_link_is_judged_by_both_of_its_names() -> None:
    found = rules(allow=["Read"], deny=["Read(./.env)"])

    assert found.judge(read("innocent.txt", real=str(PROJECT / ".env"))).decision == "deny"
    assert found.judge(read(".env", real=str(PROJECT / "innocent.txt"))).decision == "deny"
    assert found.judge(read("innocent.txt")).decision == "allow"


@pytest.mark.abuse("E05")
@pytest.mark.parametrize(
    "path",
    [
        ".env.",
        ".env ",
        ".env...",
        ".env::$DATA",
        ".env:stream",
        "ENV~1",
        "env~2",
        ".e\u200cnv",
        "\uff0eenv",
        "sub\\.env",
        "../project/.env",
        "/home/me/project/.env",
        "/elsewhere/.env",
        "~/.env",
    ],
)
def test_other_spellings_of_a_denied_file_are_denied(path: str) -> None:
    assert rules(allow=["Read"], deny=["Read(./.env)"]).judge(read(path, real=None)).decision == "deny"


@pytest.mark.abuse("E05")
def test_both_forms_of_an_accent_are_one_name() -> None:
    for rule, path in (("r\u00e9sum\u00e9", "re\u0301sume\u0301"), ("re\u0301sume\u0301", "r\u00e9sum\u00e9")):
        assert rules(allow=["Read"], deny=[f"Read({rule})"]).judge(read(path)).decision == "deny"


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("Read(.env)", ".environment"),
        ("Read(.env)", "my.env"),
        ("Read(secrets/**)", "nosecrets/x"),
        ("Read(/.env)", "sub/.env"),
        ("Read(//etc/passwd)", "etc/passwd"),
        ("Read(~/.ssh/**)", "project/.ssh/x"),
        ("Read(*.pem)", "pem"),
        ("Read(/etc/passwd)", "/etc/passwd"),
    ],
)
def test_other_files_are_left_alone(rule: str, path: str) -> None:
    assert rules(allow=["Read"], deny=[rule]).judge(ReadFile(path, path, str(PROJECT))).decision != "deny"


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("Read(/.env)", "/home/me/project/.env"),
        ("Read(//etc/**)", "/etc/passwd"),
        ("Read(//etc)", "/etc/ssl/key"),
        ("Read(~/.ssh/**)", "/home/me/.ssh/id"),
        ("Read(~/.ssh/**)", "~/.ssh/id"),
        ("Read(../other/**)", "/home/me/other/x"),
        ("Read(*.pem)", "a/b/c.pem"),
        ("Read(**)", "/anything"),
        ("Read(*)", "/anything"),
        ("Read([st]ecrets)", "secrets/x"),
        ("Read([!a]ecrets)", "secrets/x"),
        ("Read(C:\\\\keys\\\\**)", "c:\\keys\\a"),
    ],
)
def test_the_four_beginnings_of_a_rule(rule: str, path: str) -> None:
    assert rules(allow=["Read"], deny=[rule]).judge(read(path, real=None)).decision == "deny"


def test_a_slash_means_the_folder_of_the_settings_file() -> None:
    layer = Layer("home", True, deny=("Read(/x)",), root=HOME / ".claude")
    found = RuleSet([layer], home=HOME)

    assert found.judge(read("/home/me/.claude/x")).decision == "deny"
    assert found.judge(read("x")).decision == "ask"


def test_without_a_known_folder_a_denying_rule_counts_everywhere_and_an_allowing_one_nowhere() -> None:
    found = RuleSet([Layer("flags", True, allow=("Read(/a)", "Read(~/b)"), deny=("Read(/x)", "Read(~/y)"))])

    assert [found.judge(read(path)).decision for path in ("x", "sub/y", "a", "b")] == ["deny", "deny", "ask", "ask"]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("Edit(/docs/**)", "docs/a/b.md"),
        ("Edit(docs/**)", "docs/a.md"),
        ("Edit(docs/)", "docs/a.md"),
        ("Edit(*.md)", "docs/a.md"),
        ("Edit(docs/*.md)", "docs/a.md"),
        ("Edit(**)", "anything/at/all"),
        ("Edit(//home/me/**)", "x"),
        ("Edit(~/project/x)", "x"),
        ("Write(x)", "x"),
        ("Edit", "x"),
    ],
)
def test_an_allowed_file_is_allowed(rule: str, path: str) -> None:
    assert rules(allow=[rule]).judge(edit(path)).decision == "allow"


@pytest.mark.parametrize(
    ("rule", "path", "real"),
    [
        ("Edit(/docs/**)", "sub/docs/a", ""),
        ("Edit(docs/**)", "sub/docs/a", ""),
        ("Edit(docs/*)", "docs/a/b", ""),
        ("Edit(docs)", "docs/a", ""),
        ("Edit(docs/**)", "docs/../x", "/home/me/project/x"),
        ("Edit(docs/**)", "docs/link", "/etc/passwd"),
        ("Edit(docs/**)", "elsewhere", "/home/me/project/docs/a"),
        ("Edit(docs/**)", "DOCS/a", ""),
        ("Edit(docs/**)", "docs/a", None),
        ("Edit(docs/**)", "/other/docs/a", "/other/docs/a"),
        ("Edit(**)", "/etc/passwd", "/etc/passwd"),
        ("Edit(/**)", "/etc/passwd", "/etc/passwd"),
        ("Edit(*)", "docs/a.", ""),
        ("Edit", "a::$DATA", ""),
        ("Edit", "a ", ""),
        ("Edit", "LONGNA~1", ""),
        ("Edit", "a\u202eb", ""),
        ("Edit", "re\u0301sume\u0301", ""),
        ("Edit", "a\nb", ""),
        ("Edit", "a\\..\\..\\b", ""),
        ("Read", "x", ""),
    ],
)
def test_what_is_not_surely_meant_is_asked_about(rule: str, path: str, real: str | None) -> None:
    assert rules(allow=[rule]).judge(edit(path, real)).decision == "ask"


def test_a_working_folder_behind_a_link_is_no_obstacle() -> None:
    found = rules(allow=["Read(src/**)"])

    verdict = found.judge(ReadFile("src/a", "/data/p/src/a", "/home/me/project", real_cwd="/data/p"))

    assert verdict.decision == "allow"


def test_what_may_not_be_read_may_not_be_replaced() -> None:
    found = rules(allow=["Edit"], deny=["Read(.env)"])

    assert found.judge(edit(".env")).decision == "deny"
    assert rules(allow=["Edit"], ask=["Read(.env)"]).judge(edit(".env")).decision == "allow"


def test_reading_and_editing_are_different_permissions() -> None:
    found = rules(allow=["Read"], deny=["Edit(docs/**)"])

    assert found.judge(read("docs/a")).decision == "allow"
    assert found.judge(edit("docs/a")).decision == "deny"
    assert found.judge(edit("x")).decision == "ask"


def test_windows_paths_are_compared_with_either_slash() -> None:
    cwd = "C:\\Users\\me\\project"
    root = PurePosixPath("C:/Users/me/project")
    found = RuleSet([Layer("s", True, allow=("Read(/src/**)",), deny=("Read(.env)",), root=root)])

    inside = found.judge(ReadFile("src\\a.py", "C:\\Users\\me\\project\\src\\a.py", cwd))
    secret = found.judge(ReadFile("SRC\\.Env", "C:\\Users\\me\\project\\src\\.env", cwd))

    assert (inside.decision, secret.decision) == ("allow", "deny")
