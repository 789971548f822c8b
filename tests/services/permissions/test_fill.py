"""Filling arguments into command templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.permissions.rules import rules, shell

from codexplus_core.services.permissions import BadFill, fill

NASTY = ["; rm -rf ~ #", "$(rm a)", "`rm a`", "a\nrm b", "' ; rm a '", '" ; rm a "', "a b", "*", "~", "\\", "|", "&&"]


@pytest.mark.abuse("C14", "C15")
@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize("template", ["git log --grep $1", "git log --grep '$1'", 'git log --grep "$1"'])
def test_a_value_is_one_word_whatever_is_in_it(template: str, value: str) -> None:
    filled = fill(template, {"$1": value})

    assert filled.commands == (("git", "log", "--grep", value),)


@pytest.mark.abuse("C15")
@pytest.mark.parametrize("value", ["--upload-pack=evil", "-O", "--", "-"])
def test_a_value_is_no_option_unless_behind_two_dashes(value: str) -> None:
    for template in ("git diff $1", "git diff '$1'", "git diff $1$2"):
        with pytest.raises(BadFill, match="would be read as an option"):
            fill(template, {"$1": value, "$2": "x"})

    assert fill("git diff -- $1", {"$1": value}).commands == (("git", "diff", "--", value),)
    assert fill("git log --grep=$1", {"$1": value}).commands == (("git", "log", f"--grep={value}"),)


@pytest.mark.parametrize(
    ("template", "values", "canonical"),
    [
        ("git commit -m '$ARGUMENTS'", {"$ARGUMENTS": "it's done"}, "git commit -m 'it'\"'\"'s done'"),
        ("echo pre$ARGUMENTSpost", {"$ARGUMENTS": "-x"}, "echo pre-xpost"),
        ("echo $1-$2 $10", {"$1": "a", "$2": "b", "$10": "c"}, "echo a-b c"),
        ("echo $ARGUMENTS[1]", {"$ARGUMENTS": "a b", "$ARGUMENTS[1]": "b"}, "echo b"),
        ("echo $name x", {"$name": "v"}, "echo v x"),
        ("echo \\$1 '\\$ARGUMENTS'", {"$1": "a", "$ARGUMENTS": "b"}, "echo '$1' '$ARGUMENTS'"),
        ("echo a $1 b", {}, "echo a b"),
        ("echo a '$1' b", {}, "echo a '' b"),
        ("echo a $1", {"$1": ""}, "echo a ''"),
        ("echo $1 | wc -l && ls $1", {"$1": "x y"}, "echo 'x y' | wc -l && ls 'x y'"),
        ("echo $1", {"$1": "$2 $ARGUMENTS", "$2": "no"}, "echo '$2 $ARGUMENTS'"),
        ("awk '{ print \\$1 }' $1", {}, None),
        ("git status", {"$1": "ignored"}, "git status"),
    ],
)
def test_what_a_template_becomes(template: str, values: dict[str, str], canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(BadFill):
            fill(template, values)
    else:
        assert fill(template, values).canonical == canonical


@pytest.mark.abuse("C15")
@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("$1 status", "cannot name the program"),
        ("'$1' status", "cannot name the program"),
        ("sh -c 'echo $1'", "is a shell"),
        ("env X=$1 git status", "runs the command that its arguments name"),
        ("find . -name $1", "run anything"),
        ("git -c core.pager=$1 log", "run anything"),
        ("echo a > $1", "cannot name the file to write"),
        ("echo $HOME", "cannot be checked"),
        ("echo $(cat $1)", "cannot be checked"),
        ("echo `x` $1", "cannot be checked"),
        ("echo $1 *", "cannot be checked"),
        ("echo \ue000", "private-use"),
        ("echo " + "$1 " * 300, "more than 256 placeholders"),
    ],
)
def test_a_template_in_which_a_value_could_do_more_is_refused(template: str, reason: str) -> None:
    with pytest.raises(BadFill, match=reason):
        fill(template, {"$1": "x"})


@pytest.mark.parametrize("value", ["a\rb", "a\x00b", "a\u202eb", "a\u200bb", "\ue001", "\ud800", "p\u0430ypal"])
def test_a_value_with_hidden_characters_is_refused(value: str) -> None:
    with pytest.raises(BadFill, match="cannot be passed on"):
        fill("echo $1", {"$1": value})


@given(st.text(max_size=30), st.sampled_from(["echo x$1", "echo -- '$1'", 'git log --grep="$1"', "a -- $1 | b -- $1"]))
def test_a_filled_command_has_the_templates_shape(value: str, template: str) -> None:
    try:
        filled = fill(template, {"$1": value})
    except BadFill:
        return

    plain = fill(template, {"$1": "v"})
    assert [list(argv) for argv in filled.commands] == [
        [word.replace("v", value) if word.endswith("v") else word for word in argv] for argv in plain.commands
    ]


@pytest.mark.abuse("C13")
def test_a_filled_command_is_judged_again() -> None:
    found = rules(allow=["Bash(git diff:*)"])

    plain = fill("git diff $1", {"$1": "main"})
    remote = fill("git ls-remote $1", {"$1": "ext::evil"})

    assert found.judge(shell(plain.canonical)).decision == "allow"
    assert found.judge(shell(remote.canonical)).decision == "ask"
