"""The emulator: what it shows is what a terminal shows, and what it does not know it does not make up."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.terminal.screen import UNKNOWN, Screen, width_of

ROWS, COLUMNS = 6, 12


def drawn(*pieces: str | bytes, rows: int = ROWS, columns: int = COLUMNS) -> Screen:
    screen = Screen(rows, columns)
    for piece in pieces:
        screen.feed(piece if isinstance(piece, bytes) else piece.encode())
    return screen


def text(screen: Screen) -> list[str]:
    return [screen.row(number) for number in range(screen.rows)]


def number(most: int) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), st.integers(0, most).map(str))


STEPS = st.one_of(
    st.text(alphabet="abc xyz", min_size=1, max_size=8),
    st.sampled_from(["\r", "\n", "\r\n", "\b", "\t", "\x1bM", "\x1bD", "\x1b7\x1b8"]),
    st.builds("\x1b[{}{}".format, number(9), st.sampled_from("ABCDEFGdXP@")),
    st.builds("\x1b[{};{}H".format, number(9), number(15)),
    st.builds("\x1b[{}K".format, st.sampled_from(["", "0", "1", "2"])),
    st.builds("\x1b[{}J".format, st.sampled_from(["", "0", "1", "2"])),
    st.sampled_from(["\x1b[1;6r", "\x1b[31m", "\x1b[0m", "\x1b]0;title\x07", "\x1b[?2026h"]),
)


@given(st.lists(STEPS, max_size=30))
def test_it_shows_what_pyte_shows(steps: list[str]) -> None:
    # Wide enough for no line to be full: there pyte goes its own way.
    begin = "\x1b[2J\x1b[1;1H"
    theirs = pyte.Screen(400, ROWS)
    pyte.Stream(theirs).feed(begin + "".join(steps))

    ours = drawn(begin + "".join(steps), columns=400)

    assert text(ours) == theirs.display
    assert ours.cursor == (theirs.cursor.y, theirs.cursor.x)


def test_lines_are_put_in_and_taken_out_within_the_margins() -> None:
    lines = "\x1b[2J" + "".join(f"\x1b[{number};1H{number}" for number in range(1, 7)) + "\x1b[2;5r\x1b[3;2H"

    assert [row.strip() for row in text(drawn(lines, "\x1b[2L"))] == ["1", "2", "", "", "3", "6"]
    assert [row.strip() for row in text(drawn(lines, "\x1b[M"))] == ["1", "2", "4", "5", "", "6"]
    assert [row.strip() for row in text(drawn(lines, "\x1b[2S"))] == ["1", "4", "5", "", "", "6"]
    assert [row.strip() for row in text(drawn(lines, "\x1b[9T"))] == ["1", "", "", "", "", "6"]
    assert [row.strip() for row in text(drawn(lines, "\n\n\n"))] == ["1", "3", "4", "5", "", "6"]
    assert drawn(lines, "\x1b[9B").cursor == (4, 1)
    assert drawn(lines, "\x1b[6;1H\n\x1b[9A").cursor == (1, 0)


@given(st.lists(st.one_of(STEPS, st.text(alphabet="é漢🙂\u0301ab", max_size=5)), max_size=15), st.data())
def test_how_the_output_is_cut_makes_no_difference(steps: list[str], data: st.DataObject) -> None:
    whole = ("\x1b[2J\x1b[1;1H" + "".join(steps)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert text(drawn(*pieces)) == text(drawn(whole))


@given(st.binary(max_size=400))
def test_no_output_brings_it_down(data: bytes) -> None:
    screen = drawn("\x1b[2J\x1b[1;1H", data)

    assert all(len(row) <= COLUMNS for row in text(screen))


def test_at_first_all_is_blank_and_after_a_loss_unknown_until_it_is_drawn() -> None:
    screen = drawn()
    assert set("".join(text(screen))) == {" "}

    screen.lose()
    screen.feed(b"lost\x1b[3;2Hab\x1b[K")

    assert screen.row(2) == UNKNOWN + "ab" + " " * (COLUMNS - 3)
    assert screen.row(0) == UNKNOWN * COLUMNS


def test_a_cursor_that_was_not_placed_is_nowhere() -> None:
    assert drawn("hello\r\n").cursor is None
    assert drawn("\x1b[2;3H").cursor == (1, 2)
    assert drawn("\x1b[2;3H\x1b[?25l").cursor is None


@pytest.mark.parametrize("unclear", ["\x1bc", "\x1b#8", "\x1b[5b", "\x0e", "\x1b[?6h"])
def test_what_it_cannot_follow_makes_all_unknown(unclear: str) -> None:
    assert set("".join(text(drawn("\x1b[2J\x1b[1;1Hhello", unclear)))) == {UNKNOWN}


def test_a_resize_makes_all_unknown() -> None:
    screen = drawn("\x1b[2J\x1b[1;1Hhello")

    screen.resize(3, 4)

    assert text(screen) == [UNKNOWN * 4] * 3
    assert screen.cursor is None


def test_the_other_screen_is_one_of_its_own() -> None:
    screen = drawn("\x1b[2J\x1b[1;1Hmain", "\x1b[?1049h\x1b[1;1Hother")
    there = screen.row(0).strip()
    screen.feed(b"\x1b[?1049l")

    assert (there, screen.row(0).strip()) == ("other", "main")


@pytest.mark.parametrize("string", ["\x1b]52;c;" + "A" * 5000 + "\x07", "\x1bPq#0\x1b\\", "\x1b_Gi=1;AAAA\x1b\\"])
def test_pictures_titles_and_clipboards_are_no_text(string: str) -> None:
    assert drawn("\x1b[2J\x1b[1;1Ha", string, "b").row(0).strip() == "ab"


@pytest.mark.parametrize("negotiation", ["\x1b[>7u", "\x1b[<1u", "\x1b[=1;1u", "\x1b[?u", "\x1b[>4;2m", "\x1b[4:3m"])
def test_what_is_said_about_the_keyboard_is_no_text(negotiation: str) -> None:
    screen = drawn("\x1b[2J\x1b[1;1Ha", negotiation, "b")

    assert screen.row(0).strip() == "ab"
    assert screen.cursor == (0, 2)


def test_a_wide_character_takes_two_columns() -> None:
    assert [width_of(character) for character in "aé漢🙂\u0301\u200d"] == [1, 1, 2, 2, 0, 0]
    assert drawn("\x1b[2J\x1b[1;1H漢x").cursor == (0, 3)
