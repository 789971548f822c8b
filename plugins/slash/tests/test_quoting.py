"""Arguments in shell commands: words, never syntax; shown by a real shell."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_slash.arguments import Included, fill
from codexplus_slash.command_file import CommandFile
from codexplus_slash.words import words

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell is needed")
SHELLS = [shell for shell in ("/bin/sh", "/bin/bash") if Path(shell).exists()]


def included(template: str, raw: str, *, names: tuple[str, ...] = (), windows: bool = False) -> Included:
    path = Path("/p/.claude/commands/x.md")
    body = f"```!\n{template}\n```"
    file = CommandFile("x", path, path.parent, "project", "markdown", "(project)", body=body, arguments=names)
    (part, *rest) = fill(file, raw, strict=False, windows=windows)
    assert isinstance(part, Included)
    assert not any(isinstance(other, Included) for other in rest)
    return part


def printed(shell: str, text: str) -> list[str]:
    """What `printf '%s\\0'` in the text prints."""
    ran = subprocess.run(
        [shell, "-c", text],
        capture_output=True,
        check=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "X": "no", "PWNED": "no"},
    )
    assert ran.stderr == b""
    return ran.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


@pytest.mark.parametrize(
    ("template", "raw", "command"),
    [
        ("git log $1", "main", "git log main"),
        ("echo $ARGUMENTS", "one two", "echo one two"),
        ("echo $ARGUMENTS", '"a b" c', "echo 'a b' c"),
        ("echo [$ARGUMENTS] [$2]", "one two", "echo ['one' 'two'] ['two']"),
        ("git commit -m '$ARGUMENTS'", "it's done", "git commit -m 'it'\\''s done'"),
        ('echo "$ARGUMENTS"', 'say "hi" $HOME `id`', 'echo "say \\"hi\\" \\$HOME \\`id\\`"'),
        ("echo $1", "a;b", "echo 'a;b'"),
        ("echo $1 $2", "a", "echo a $2"),
        ("echo $branch end", "", "echo  end"),
        ("echo x$branch", "", "echo x''"),
        ("awk '{print \\$1}' $1", "f.txt", "awk '{print $1}' 'f.txt'"),
        ("echo $1>out", "2", "echo '2'>out"),
        ("$1=x ls", "PATH", "'PATH'=x ls"),
        ('echo "$HOME$1"', "x", 'echo "$HOME""x"'),
        ("echo $HOME$1", "x", "echo $HOME'x'"),
        ("echo {$1,b}", "a", "echo {'a',b}"),
        ("ls; # about $1", "a", "ls; # about $1"),
        ("ls \\\n  -l $1", "a", "ls \\\n  -l a"),
        ('echo "$(git log $1)" $1', "a b", 'echo "$(git log a)" a'),
    ],
)
def test_a_value_takes_the_quotes_of_its_place(template: str, raw: str, command: str) -> None:
    assert included(template, raw, names=("branch",) if "branch" in template else ()).command == command


_TYPED = st.text(alphabet="ab '\"\\$`;|&<>(){}[]*?~#!\n\t-=é,%", max_size=24).map(str.strip)
_PLACES = (
    "printf '%s\\0' $ARGUMENTS end",
    "printf '%s\\0' \"$ARGUMENTS\" end",
    "printf '%s\\0' '$ARGUMENTS' end",
    "printf '%s\\0' a$ARGUMENTS end",
    "printf '%s\\0' \"x $X$ARGUMENTS\" end",
    "printf '%s\\0' \"$(printf '%s' \"$ARGUMENTS\"; echo .)\" end",
    "true && printf '%s\\0' \"a\\\\$ARGUMENTS\" '\"'\"$ARGUMENTS\"'\"' end # it's",
)


@posix
@pytest.mark.abuse("C15", "D01", "D02", "D06", "D14")
@pytest.mark.req("S5")
@settings(deadline=None, derandomize=True)
@given(_TYPED, st.sampled_from(range(len(_PLACES))))
def test_a_real_shell_sees_the_very_words(raw: str, place: int) -> None:
    part = included(_PLACES[place], raw)
    typed = words(raw)
    glued = [*([f"a{typed[0]}", *typed[1:]] if typed else ["a"]), "end"]
    meant = (
        [*typed, "end"],
        [raw, "end"],
        [raw, "end"],
        glued,
        [f"x no{raw}", "end"],
        [f"{raw}.", "end"],
        [f"a\\{raw}", f'"{raw}"', "end"],
    )[place]

    for shell in SHELLS:
        assert printed(shell, part.command) == meant


# Whatever an author may have written around a place, quoted well or not.
_SNIPPETS = (
    *(
        "$ARGUMENTS",
        "$1",
        "'",
        '"',
        "\\",
        "`",
        "$(",
        "(",
        ")",
        "{",
        "}",
        "((",
        "))",
        "[[ ",
        "]] ",
        "${",
        "${X:-",
        "$'",
        "$",
    ),
    *(" ", "\n", ";", "|", "&&", "<", "<<E\n", "E\n", "#", "=", "@", "a", "X", "-- ", "echo ", "case x in a) ", "esac"),
    *("\\\n", "${#X}", "$#", '\\"', "if true; then ", "f() {"),
)
_AROUND = st.lists(st.sampled_from(_SNIPPETS), max_size=14).map("".join)


@posix
@pytest.mark.abuse("C15")
@settings(deadline=None, derandomize=True)
@given(
    _AROUND,
    st.sampled_from(("'", '"', "\n", "`", "$(", "", ")", "#", "\\", "\\'", "'\"", "E\n", "esac;", "}", "))", "x")),
)
def test_no_value_breaks_out_of_any_template(template: str, out: str) -> None:
    """A value that would, by any quotes, make a file is tried in templates that make none."""
    if not template.strip() or "```" in template:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = folder / "made"
        value = f"{out};>{made};{out}"
        if "!`" in template:
            return
        part = included(template.strip(), f"{value} $(>{made}) `>{made}` \n>{made}\n")
        assert "" in (part.command, part.problem)
        for shell in SHELLS if part.command else ():
            subprocess.run(
                [shell, "-c", part.command], capture_output=True, timeout=30, cwd=folder, stdin=subprocess.DEVNULL,
                env={"PATH": "/nonexistent"}, check=False,
            )  # fmt: skip
            assert not made.exists(), part.command


@pytest.mark.abuse("C15")
@pytest.mark.parametrize(
    ("template", "raw", "options"),
    [
        ("git diff $1", "--output=x", ("--output=x",)),
        ('git diff "$1"', "-O x", ("-O",)),
        ("git diff $ARGUMENTS", "a -p", ("-p",)),
        ("git diff -- $ARGUMENTS", "-p", ()),
        ("git diff -- a; ls $1", "-p", ("-p",)),
        ("git log --format=$1", "-p", ()),
        ("git log", "-p", ()),
    ],
)
def test_typed_options_are_named(template: str, raw: str, options: tuple[str, ...]) -> None:
    assert included(template, raw).options == options


@pytest.mark.parametrize(
    ("template", "nested"),
    [
        ("sh -c 'echo $1'", True),
        ("eval $1", True),
        ("awk '/$1/' f", True),
        ("[ -v $1 ]", True),
        ("read $1", True),
        ("git log $1", False),
        ("sh -c 'echo'", False),
    ],
)
def test_a_value_that_another_program_may_read_as_a_program_is_marked(template: str, nested: bool) -> None:
    assert included(template, "x").nested is nested


@pytest.mark.parametrize(
    "template",
    [
        "cat <<E\n$1\nE",
        "echo $$1",
        "echo `ls $1`",
        "echo $((1 + $1))",
        "(( $1 ))",
        "[[ $1 -gt 1 ]]",
        "echo ${X:-$1}",
        "echo $(case x in x) echo $1;; esac)",
        "echo $'a' $1",
        'echo "$\\\n(echo $1)"',
        "echo a\\\nb $1",
    ],
)
def test_where_nothing_can_be_quoted_nothing_is_put_in(template: str) -> None:
    part = included(template, "x")

    assert part.command == ""
    assert "$1" in part.problem


def test_a_value_with_a_nul_is_refused() -> None:
    assert "NUL" in included("echo $1", "a\0b").problem


def test_a_command_that_grows_too_long_is_refused() -> None:
    assert "type less" in included("echo $ARGUMENTS " * 100, "x " * 50_000).problem


@pytest.mark.req("S10")
@pytest.mark.parametrize("raw", ["a&calc", "%PATH%", 'a"b', "a^b", "a|b", "(x)", "a\nb", "!x!"])
def test_for_cmd_only_what_needs_no_quotes_is_put_in(raw: str) -> None:
    assert included("type $ARGUMENTS", raw, windows=True).command == ""
    assert included("type $ARGUMENTS", "src\\a b.txt", windows=True).command == "type src\\a b.txt"
    assert included("dir $1", "/s", windows=True).options == ("/s",)
