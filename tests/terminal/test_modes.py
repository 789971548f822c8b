"""What a program has switched on, and how it is taken back when the program cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.terminal.modes import Modes

# What Codex 0.169 says when it starts, and when it ends.
BEGIN = b"\x1b[?2004h\x1b[>4;0m\x1b[>7u\x1b[?1004h\x1b[?2026h\x1b[?25l\x1b[?1049h"
BEGIN += b"\x1b[>7u\x1b[?1000h\x1b[?1003h\x1b[?1006h\x1b[?2026l"
END = b"\x1b[?1006l\x1b[?1003l\x1b[?1000l\x1b[<1u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[<1u\x1b[>4;0m\x1b[?2004l"


def watched(*pieces: bytes) -> Modes:
    modes = Modes()
    for piece in pieces:
        modes.watch(piece)
    return modes


def test_a_program_that_cleaned_up_leaves_nothing_to_undo() -> None:
    assert watched(BEGIN, END).undone() == b""


def test_what_was_left_on_is_switched_off_in_the_right_order() -> None:
    undone = watched(BEGIN).undone()

    assert undone.index(b"\x1b[<1u\x1b[?1049l\x1b[<1u\x1b[?25h") > undone.index(b"\x1b[?1003l")
    assert watched(BEGIN, undone).undone() == b""


@given(st.lists(st.integers(0, len(BEGIN)), max_size=8))
def test_how_the_output_is_cut_makes_no_difference(cuts: list[int]) -> None:
    places = sorted(cuts)
    pieces = [BEGIN[start:end] for start, end in zip([0, *places], [*places, len(BEGIN)], strict=True)]

    assert watched(*pieces).undone() == watched(BEGIN).undone()


@pytest.mark.parametrize(
    ("output", "takes"),
    [(b"", False), (b"\x1b[?2004h", True), (b"\x1b[?1;2004h", True), (b"\x1b[?2004h\x1b[?2004l", False)],
)
def test_whether_pastes_are_marked_is_known(output: bytes, takes: bool) -> None:
    assert watched(output).takes_pastes is takes


@given(st.binary(max_size=300))
def test_no_output_brings_it_down(data: bytes) -> None:
    watched(b"\x1b[<" + data, data + b"u", b"\x1b[<99999999u\x1b[<;u").undone()


def test_a_stack_that_is_pushed_for_ever_is_popped_in_one() -> None:
    assert watched(b"\x1b[>1u" * 5000).undone() == b"\x1b[<100u\x1b[0m"
