"""Frontmatter as Claude Code reads it, and as hostile files write it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_core import BadYaml
from codexplus_slash import frontmatter
from codexplus_slash.frontmatter import split


@pytest.mark.req("S2")
@pytest.mark.parametrize(
    "text",
    [
        "---\ndescription: never closed\nBody",
        "\n---\na: b\n---\nBody",
        " ---\na: b\n---\nBody",
        "----\na: b\n----\nBody",
        "---\na: b\n...\nBody",
        "---\na: b\n----\nBody",
        "---\na: b\n ---\nBody",
        "--- a: b\n---\nBody",
        "",
    ],
)
def test_what_does_not_open_and_close_with_three_dashes_is_all_body(text: str) -> None:
    found = split(text)

    assert (found.values, found.body, found.body_line) == ({}, text, 1)


@pytest.mark.parametrize(
    ("text", "values", "body", "line"),
    [
        ("---\na: b\n---\nBody\n", {"a": "b"}, "Body\n", 4),
        ("---\n---\nBody", {}, "Body", 3),
        ("---\na: b\n---", {"a": "b"}, "", 3),
        ("---  \na: b\n---\t\n\nBody", {"a": "b"}, "\nBody", 4),
        ("---\r\na: b\r\n---\r\nOne\r\nTwo", {"a": "b"}, "One\r\nTwo", 4),
        ("\ufeff---\na: b\n---\nBody", {"a": "b"}, "Body", 4),
        ("---\njust text\n---\nBody", {}, "Body", 4),
        ("---\n- a\n- b\n---\nBody", {}, "Body", 5),
        ("---\na: b --- c\n---\nBody", {"a": "b --- c"}, "Body", 4),
    ],
)
def test_the_body_is_what_follows_byte_for_byte(text: str, values: object, body: str, line: int) -> None:
    found = split(text)

    assert (found.values, found.body, found.body_line) == (values, body, line)


@pytest.mark.parametrize(
    ("inside", "values"),
    [
        ("allowed-tools: Bash(git add:*), Read", {"allowed-tools": "Bash(git add:*), Read"}),
        ("allowed-tools: [Bash(git add:*), Read]", {"allowed-tools": ["Bash(git add:*)", "Read"]}),
        ("allowed-tools:\n  - Bash(a)\n  - Read", {"allowed-tools": ["Bash(a)", "Read"]}),
        ("allowed-tools: >\n  Bash(a),\n  Read", {"allowed-tools": "Bash(a), Read\n"}),
        ("x: 'a: b'", {"x": "a: b"}),
        ('x: "a\\tb"', {"x": "a\tb"}),
        ("x: true\ny: false\nz: yes", {"x": True, "y": False, "z": "yes"}),
        ("x: 1\ny: 1.5\nz: ~", {"x": 1, "y": 1.5, "z": None}),
        ("x: 2024-01-01", {"x": "2024-01-01"}),
        ("x: a # no comment of ours", {"x": "a"}),
        ("nested:\n  a: [1, 2]", {"nested": {"a": [1, 2]}}),
    ],
)
def test_yaml_means_what_yaml_means(inside: str, values: object) -> None:
    found = split(f"---\n{inside}\n---\n")

    assert (found.values, found.problems) == (values, ())


@pytest.mark.req("S2")
@pytest.mark.parametrize(
    ("inside", "values"),
    [
        ("description: Fix: it\nallowed-tools: Bash(a:*)", {"description": "Fix: it", "allowed-tools": "Bash(a:*)"}),
        ("argument-hint: [a] [b]", {"argument-hint": "[a] [b]"}),
        ("description: @file and `code`", {"description": "@file and `code`"}),
        ("description: * star\nmodel: m", {"description": "* star", "model": "m"}),
        ('description: say "hi": now', {"description": 'say "hi": now'}),
        ("a: &x [1]\nb: *x", {"a": "&x [1]", "b": "*x"}),
    ],
)
def test_values_that_are_no_yaml_are_recovered_as_text_and_the_mistake_is_named(inside: str, values: object) -> None:
    found = split(f"---\n{inside}\n---\nBody")

    assert (found.values, found.body) == (values, "Body")
    assert len(found.problems) == 1
    assert "put them in quotes" in found.problems[0]


@pytest.mark.abuse("B15")
@pytest.mark.parametrize(
    "inside",
    [
        "a: 1\na: 2",
        "a: !!python/object/apply:os.system ['true']\n  x",
        "a: &a [x,x]\nb: &b [*a,*a]\nc:\n- *b\n- *b",
        "x:\n" + "  - " * 3000 + "a",
        "[" * 5000,
        "a: " + "{b: " * 500,
        "%YAML 1.99999999\na: b",
        "a: b\n" * 3,
        "? [a]\n: b",
        "x: " + "y" * frontmatter.LONGEST,
        "a:\n" + "- x\n" * 12_000,
        "\n".join(f"k{number}: !x {number}" for number in range(3000)),
    ],
)
def test_hostile_frontmatter_says_nothing_and_is_no_part_of_the_body(inside: str) -> None:
    found = split(f"---\n{inside}\n---\nBody")

    assert found.body == "Body"
    assert found.values == {} or all(isinstance(value, str) for value in found.values.values())
    assert len(found.problems) == 1


_CHARACTERS = st.text(alphabet="ab1 :#-[]{}\"'|>&*!%@`?,.\n\t\\~\r\u2028é", max_size=60)


@settings(deadline=None, derandomize=True)
@given(_CHARACTERS)
def test_no_frontmatter_raises_and_its_text_is_body_or_nothing(inside: str) -> None:
    text = f"---\n{inside}\n---\nBody"

    found = split(text)

    assert text.endswith(found.body)
    assert found.body.endswith("Body")


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("a", "b-c", "null", "y", "true", "on")),
            st.sampled_from((": ", ":  ")),
            st.one_of(_CHARACTERS, st.text(alphabet="abn :#[],()*/.|", max_size=12)),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_plain_lines_mean_without_a_parser_what_they_mean_with_one(lines: list[tuple[str, str, str]]) -> None:
    inside = "\n".join("".join(line) for line in lines) + "\n"

    quick = frontmatter._simple(inside)

    if quick is not None:
        assert quick[0] == _by_yaml(inside)


def _by_yaml(inside: str) -> object:
    try:
        return frontmatter._by_yaml(inside)
    except BadYaml:
        try:
            return frontmatter._by_yaml("\n".join(map(frontmatter._quoted, inside.split("\n"))))
        except BadYaml:
            return {}
