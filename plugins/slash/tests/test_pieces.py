"""A body taken apart: what is an inclusion, what is text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_slash.pieces import Shell, Text, parse


@pytest.mark.req("S5")
@pytest.mark.parametrize(
    ("body", "commands"),
    [
        ("!`git status`", ["git status"]),
        ("A !`a` B\t!`b`\n!`c`", ["a", "b", "c"]),
        ("A !`one\ntwo` B", ["one\ntwo"]),
        ("!` padded `", ["padded"]),
        ("!`a`, and so on", ["a"]),
        ("```\n!`inside a fence`\n```", ["inside a fence"]),
        ("A\n```!\none\ntwo\n```\nB", ["one\ntwo"]),
        ("```!\r\none\r\n```\r\n", ["one"]),
        ("- list\n  ```!\n  one\n  ```", ["one"]),
        ("```!\n!`no command of its own`\n```", ["!`no command of its own`"]),
    ],
)
def test_inclusions_are_found(body: str, commands: list[str]) -> None:
    assert [piece.command for piece in parse(body) if isinstance(piece, Shell)] == commands


@pytest.mark.parametrize(
    "body",
    [
        "x!`a`",
        "=!`a`",
        "(!`a`)",
        "[!`a`]",
        '"!`a`"',
        "*!`a`*",
        "\\!`a`",
        "! `a`",
        "!``",
        "!` `",
        "!`open",
        "`!`",
        "```bash!\na\n```",
        "```!important\na\n```",
        "````!\na\n````",
        "```!\n\n```",
        "see ```! like this```",
        "!a",
    ],
)
def test_what_only_looks_like_one_is_text(body: str) -> None:
    assert parse(body) == (Text(body, 1),)


def test_lines_count_from_the_beginning_of_the_file() -> None:
    pieces = parse("a\nb !`c` d\n```!\ne\n```\nf !`g\nh` i\nj", first_line=5)

    assert [(type(piece).__name__, piece.line) for piece in pieces] == [
        ("Text", 5),
        ("Shell", 6),
        ("Text", 6),
        ("Shell", 8),
        ("Text", 9),
        ("Shell", 10),
        ("Text", 11),
    ]


def test_another_command_takes_the_place_of_the_template_only() -> None:
    inline, _, fence = parse("!`! x`\n```!\n! x\n```")

    assert isinstance(inline, Shell)
    assert isinstance(fence, Shell)
    assert inline.around("y") == "!`y`"
    assert fence.around("y") == "```!\ny\n```"


_BODIES = st.text(alphabet="a!` \n\t$1\\", max_size=80) | st.lists(
    st.sampled_from(("!`", "`", "```!", "```", "\n", " ", "a", "!", "$ARGUMENTS", "\r\n")), max_size=30
).map("".join)


@settings(deadline=None, derandomize=True)
@given(_BODIES)
def test_the_sources_of_the_pieces_joined_are_the_body(body: str) -> None:
    pieces = parse(body)

    assert "".join(piece.source for piece in pieces) == body
    for one, next_one in pairwise(pieces):
        assert not (isinstance(one, Text) and isinstance(next_one, Text))


@pytest.mark.abuse("B18")
@pytest.mark.parametrize("part", ["!`", " !`", "```! ", "\n```! ", "`", "\n" + " " * 200, " !`a", "```!\n" + " " * 50])
def test_a_body_of_nothing_but_beginnings_is_read_in_one_go(part: str) -> None:
    body = (part * (256 * 1024 // len(part))) + "```! "

    assert "".join(piece.source for piece in parse(body)) == body
