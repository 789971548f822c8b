"""What others wrote is shown, and does nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_core.services.wording import code_block, code_span, counted, plain_text, printable, short_path

HOSTILE = (
    "\x1b[2J\x1b[H",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "\x9b31m",
    "safe\rgone",
    "one\ntwo\u2028three\u2029four\x0bfive\x85six",
    "file\u202etxt.exe",
    "\u2066a\u2069\u200b\u200d\ufeff",
    "\U000e0041\U000e0042",
    "half \ud83d",
    "nul\0",
)


@pytest.mark.abuse("G18")
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_shown_moves_the_cursor_hides_or_turns_the_direction_of_writing(text: str) -> None:
    shown = (printable(text), plain_text(text), code_span(text), *code_block(text).split("\n"))

    assert [each for each in shown if not each.isprintable()] == []


@pytest.mark.abuse("G18")
def test_a_character_that_cannot_be_shown_stands_there_by_its_number() -> None:
    assert printable("a\x1b\u202e\ud83d") == "a\\u{1b}\\u{202e}\\u{d83d}"


@pytest.mark.abuse("G18")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bold** _it_ ~~no~~", "`**bold**` `_it_` `~~no~~`"),
        ("[x](https://evil.example)", "`[x](https://evil.example)`"),
        ("[two words](https://evil.example)", "`[two` `words](https://evil.example)`"),
        ("![x](https://evil.example/p.png)", "`![x](https://evil.example/p.png)`"),
        ("a\n\n# Approved\n> by you", "a # Approved > by you"),
        ("# Approved", "`#` Approved"),
        ("> by you", "`>` by you"),
        ("- one", "`-` one"),
        ("1. one", "`1.` one"),
        ("<b>|`code`", "`` <b>|`code` ``"),
        ("a `code span` and `_another_`.", "a `code span` and `_another_`."),
        ("a ` tick", "a `` ` `` tick"),
        (r"\* and C:\Users", r"`\*` and `C:\Users`"),
        ("a &rlm;b &lt;i&gt; &#35; c && d & e;", "a `&rlm;b` `&lt;i&gt`; `&#35`; c && d & e;"),
        (404, "404"),
    ],
)
def test_no_mark_of_markdown_is_in_force_in_plain_text(text: object, shown: str) -> None:
    assert plain_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "~/.claude/settings.json: snake_case is OPENAI_API_KEY",
            "~/.claude/settings.json: snake_case is OPENAI_API_KEY",
        ),
        ("hooks.PreToolUse[0].timeout: expected 5 < 6 -> no", "`hooks.PreToolUse[0].timeout`: expected 5 < 6 -> no"),
        ('see (Edit|Write), "mcp__.*".', 'see (`Edit|Write`), "`mcp__.*`".'),
        ("correct it with `codex-plus config explain KEY`", "correct it with `codex-plus config explain KEY`"),
    ],
)
def test_plain_text_reads_well_where_markdown_is_not_rendered(text: str, shown: str) -> None:
    assert plain_text(text) == shown


@pytest.mark.abuse("G18")
@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="`a_ *~/[]()<|\\&;#!.", max_size=30))
def test_every_mark_of_plain_text_stands_in_a_code_span(text: str) -> None:
    outside = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "x", plain_text(text))

    assert re.search(r"[`*\\|\[\]]|<[^=\s]|(?<!\w)_|_(?!\w)|(?<!\s)(?<!^)~|&\w+;", outside) is None


def test_a_long_text_is_cut_before_its_marks_are_put_in_code_spans() -> None:
    assert plain_text("*" * 10, 4) == "`***…`"
    assert plain_text("*" * 4, 4) == "`****`"


@pytest.mark.abuse("G18")
@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="`a \n\x1b*", max_size=20))
def test_nothing_in_a_code_span_ends_it(text: str) -> None:
    span = code_span(text)

    fence = re.match("`+", span)
    assert fence is not None and len(span) > 2 * len(fence[0])
    inside = span[len(fence[0]) : -len(fence[0])]
    assert fence[0] not in inside and inside.strip(" ") == printable(text).strip(" ")
    assert not inside.startswith("`") and not inside.endswith("`")


@pytest.mark.abuse("G18")
@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="`~a \n\x1b\t", max_size=30))
def test_nothing_in_a_code_block_ends_it(text: str) -> None:
    begin, *lines, end = code_block(text).split("\n")

    assert begin == end and len(begin) >= 3 and set(begin) == {"`"}
    assert not any(begin in line for line in lines)
    assert lines == [printable(line.replace("\t", "    ")) for line in text.rstrip("\n").split("\n")]


def test_a_long_block_says_how_much_is_left_out() -> None:
    assert code_block("ab\ncd", 3) == "```\nab\n\n… and 2 characters more\n```"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/me/work/a.py", "a.py"),
        ("/home/me/other/a.py", "~/other/a.py"),
        ("/home/me/workshop/a.py", "~/workshop/a.py"),
        ("/etc/passwd", "/etc/passwd"),
        (Path("/home/me/work/a.py: is broken"), "a.py: is broken"),
    ],
)
def test_a_path_is_told_from_the_nearest_folder_that_people_know(path: object, shown: str) -> None:
    assert short_path(path, Path("/home/me/work"), Path("/home/me")) == shown


def test_what_is_counted_is_one_or_many() -> None:
    assert [counted(count, "file") for count in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
