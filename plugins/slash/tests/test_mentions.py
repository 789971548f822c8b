"""Which words of a prompt mention files, and how those are worded for the model."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_slash.mentions import Mention, mentions_in, numbered
from codexplus_slash.notebook import cells_of


@pytest.mark.req("S6")
@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("@a.txt first", ["a.txt"]),
        ("see @a.txt, @b.txt: and @c.txt?", ["a.txt", "b.txt", "c.txt"]),
        ("end @a.txt.", ["a.txt"]),
        ('see @"my file.txt" now', ["my file.txt"]),
        ("look\n@a.txt\n\t@src/b.js", ["a.txt", "src/b.js"]),
        ("@~/h.txt @/etc/hosts @../up", ["~/h.txt", "/etc/hosts", "../up"]),
        ("@größe.txt @src/", ["größe.txt", "src/"]),
        ("twice @a and @a", ["a"]),
        ("x@a.txt foo/@a bob@x.com (@a) '@a' `@a` @@a \"@a\"", []),
        ("@ alone and @", []),
        ("ask @agent-reviewer", []),
    ],
)
def test_a_mention_begins_a_word_and_ends_before_the_sentence_does(text: str, paths: list[str]) -> None:
    assert [mention.path for mention in mentions_in(text)] == paths


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("@a.txt#L2", Mention("a.txt", 2, 2)),
        ("@a.txt#L2-3", Mention("a.txt", 2, 3)),
        ("@a.txt#L2-L3", Mention("a.txt")),
        ("@a.txt#heading", Mention("a.txt")),
        ("@a.txt:2-3", Mention("a.txt:2-3")),
    ],
)
def test_lines_are_named_in_one_way(text: str, mention: Mention) -> None:
    assert mentions_in(text) == [mention]


@pytest.mark.abuse("C14")
def test_what_lies_in_a_skipped_span_mentions_nothing() -> None:
    assert [mention.path for mention in mentions_in("@a @b @c", [(3, 5)])] == ["a", "c"]


@given(st.text(alphabet=st.sampled_from("@ab./#L12\"' \n"), max_size=60))
def test_every_mention_stands_in_the_text(text: str) -> None:
    for mention in mentions_in(text):
        assert mention.path in text


def test_a_resource_of_a_server_is_no_file() -> None:
    resource, path, drive = mentions_in("@s:issue://ENG-123.txt @src/app.py @C:/work/a.py")

    assert (resource.is_a_path, path.is_a_path, drive.is_a_path) == (False, True, True)


def test_lines_carry_their_numbers() -> None:
    assert numbered("a\tb\r\nc\r\n") == "1\ta\tb\n2\tc\n3\t"
    assert numbered("a\nb\nc", 2, 3) == "2\tb\n3\tc"


def test_a_file_without_the_lines_says_so() -> None:
    assert "contents are empty" in numbered("")
    assert "shorter than the provided offset (9)" in numbered("a\nb", 9, 9)


def test_a_notebook_is_shown_by_its_cells() -> None:
    cells = [
        {"cell_type": "code", "source": ["print(", "1)"], "outputs": [{"output_type": "stream", "text": ["1\n"]}]},
        {"cell_type": "markdown", "source": "# T", "id": "t"},
    ]

    shown = cells_of(json.dumps({"cells": cells, "nbformat": 4}))

    assert shown is not None
    assert [part["text"] for part in json.loads(shown)] == [
        '<cell id="cell-0">print(1)</cell id="cell-0">',
        "\n1\n",
        '<cell id="t"><cell_type>markdown</cell_type># T</cell id="t">',
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": 1}', "[" * 100_000])
def test_what_is_no_notebook_is_none(text: str) -> None:
    assert cells_of(text) is None


@pytest.mark.abuse("B18")
@pytest.mark.parametrize("text", ["@" + "!" * 200_000 + "a", "@a " * 200_000, "@" * 200_000, "@" + "a" * 200_000])
def test_hostile_texts_are_looked_through_in_one_go(text: str) -> None:
    assert len(mentions_in(text, [(0, 1)] * 50)) <= 1
