"""Reading shell texts: understood to the last byte, or unclear."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.permissions import Unclear, Understood, Write, read_shell


@pytest.mark.parametrize(
    ("text", "commands", "canonical"),
    [
        ("ls", [("ls",)], "ls"),
        (" ls\t-la\n", [("ls", "-la")], "ls -la"),
        ("a;b\nc", [("a",), ("b",), ("c",)], "a; b; c"),
        ("a && b || c | d", [("a",), ("b",), ("c",), ("d",)], "a && b || c | d"),
        ("a |& b", [("a",), ("b",)], "a 2>&1 | b"),
        ("a 2>/dev/null |& b", [("a",), ("b",)], "a 2>/dev/null 2>&1 | b"),
        ("a &>/dev/null", [("a",)], "a >/dev/null 2>&1"),
        (">/dev/null a b", [("a", "b")], "a b >/dev/null"),
        ("a 2>&1 >/dev/null", [("a",)], "a 2>&1 >/dev/null"),
        ("a </dev/null", [("a",)], "a </dev/null"),
        ("a 'b c' \"d\\\"e\" f\\;g ''", [("a", "b c", 'd"e', "f;g", "")], "a 'b c' 'd\"e' 'f;g' ''"),
        ("a b'c'\"d\"", [("a", "bcd")], "a bcd"),
        ('a "it\'s"', [("a", "it's")], "a 'it'\"'\"'s'"),
        ("a HEAD~1 x#y 100% --a=b", [("a", "HEAD~1", "x#y", "100%", "--a=b")], "a 'HEAD~1' 'x#y' 100% --a=b"),
        ("r''m x", [("rm", "x")], "rm x"),
        ("a 'é'", [("a", "é")], "a 'é'"),
    ],
)
def test_words_are_what_the_program_gets(text: str, commands: list[tuple[str, ...]], canonical: str) -> None:
    assert read_shell(text) == Understood(tuple(commands), (), canonical)


def test_files_that_are_written_are_named() -> None:
    read = read_shell("a >x 2>> 'y z' && b &> w")

    assert isinstance(read, Understood)
    assert read.writes == (Write("x"), Write("y z", append=True), Write("w"))
    assert read.canonical == "a >x 2>>'y z' && b >w 2>&1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a $x", "an expansion ($)"),
        ("a `x`", "a command substitution"),
        ("a *.py", "a file pattern (*)"),
        ("a &", "a background command (&)"),
        ("a <<E\nE", "a here-document"),
        ("(a)", "a subshell or function"),
        ("if a; then b; fi", "the shell's own word 'if' in place of a program"),
        ("A=1 b", "an assignment before the command"),
        ("a # b", "a comment (#)"),
        ("a; # b", "a comment (#)"),
        ("# a", "it is empty"),
        ("a ~", "a tilde (~)"),
        ("a \\\nb", "a line continuation, or a backslash before a character that needs none"),
        ("a\rb", "it holds the character U+000D, which is not shown as what it is"),
        ("", "it is empty"),
        ("a >1>x", "the redirection > without a plain file name"),
        ("a 2>&1>&1", "a redirection to another descriptor"),
        ("; ".join(["a"] * 33), "it has more than 32 commands"),
        ("a" * 4097, "it is longer than 4096 characters"),
    ],
)
def test_the_reason_names_what_cannot_be_judged(text: str, reason: str) -> None:
    read = read_shell(text)

    assert isinstance(read, Unclear)
    assert read.reason == reason


def test_programs_in_an_unclear_text_are_seen() -> None:
    read = read_shell("FOO=1 /usr/bin/Env $(r''m a) | {curl,-s} && $'\\x67it' push")

    assert isinstance(read, Unclear)
    assert {"env", "rm", "curl", "git"} <= read.programs_seen


def test_one_plain_command_needs_no_shell() -> None:
    alone, piped = read_shell("git log 'a b'"), read_shell("git log | cat")

    assert isinstance(alone, Understood)
    assert isinstance(piped, Understood)
    assert (alone.argv, piped.argv) == (("git", "log", "a b"), None)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zs", "Zl", "Zp", "M"))), max_size=5
    )
)
def test_quoting_brings_every_word_back(words: list[str]) -> None:
    from codexplus_core.services.permissions.shell import canonical_of
    from codexplus_core.services.permissions.shell_characters import odd_character

    read = read_shell(canonical_of(("p", *words)))

    if any(map(odd_character, words)):
        assert isinstance(read, Unclear)
    else:
        assert isinstance(read, Unclear) or read.commands == (("p", *words),)


@given(st.text(alphabet=" \t\nab'\"\\;|&<>$`*?~=:#!{}()[]2\r\u00e9\ue000", max_size=40))
def test_the_canonical_form_means_itself(text: str) -> None:
    read = read_shell(text)

    if isinstance(read, Understood):
        assert read_shell(read.canonical) == read


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert read_shell(text)


def test_importing_the_rules_does_not_load_the_grammar() -> None:
    code = (
        "import sys; from codexplus_core.services.permissions import Layer, RuleSet, read_shell\n"
        "RuleSet([Layer('x', True, allow=('Bash(git log:*)', 'Read(./.env)'))])\n"
        "assert 'tree_sitter' not in sys.modules\n"
        "read_shell('ls')\n"
        "assert 'tree_sitter' in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("text", "argvs"),
    [
        ("# first\na b\n  # it's \"odd $(x)\nc", [("a", "b"), ("c",)]),
        ("a |\n# between\nb", [("a",), ("b",)]),
        ("a '\n# b'", [("a", "\n# b")]),
        ("a\n#b", [("a",)]),
        ("a\nb c#d", [("a",), ("b", "c#d")]),
    ],
)
def test_a_comment_on_a_line_of_its_own_is_passed_over(text: str, argvs: list[tuple[str, ...]]) -> None:
    read = read_shell(text)

    assert isinstance(read, Understood) and list(read.commands) == argvs
