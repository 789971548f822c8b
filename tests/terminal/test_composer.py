"""The composer is read from the screen, or not at all."""

from __future__ import annotations

import pytest

from codexplus_core.terminal.composer import Composer, read
from codexplus_core.terminal.screen import Screen


def screen(rows: dict[int, str], cursor: tuple[int, int], *, lines: int = 20) -> Screen:
    made = Screen(lines, 60)
    drawn = "".join(f"\x1b[{number + 1};1H{text}" for number, text in rows.items())
    made.feed(f"\x1b[2J{drawn}\x1b[{cursor[0] + 1};{cursor[1] + 1}H".encode())
    return made


def test_what_is_typed_and_what_codex_offers() -> None:
    # Codex 0.169 has its popup above.
    found = read(screen({3: "› /archive  archive this session", 5: "› /arch", 7: "  model · ~/x"}, (5, 7)))

    assert found == Composer("/arch", rows=1, at_end=True, offers=("archive",))
    assert (found.name, found.is_bare) == ("arch", True)


def test_the_popup_of_older_versions_is_below() -> None:
    rows = {5: "› /re", 7: "  /review  review my current changes", 8: "  /resume  resume a saved chat"}

    found = read(screen(rows, (5, 5)))

    assert found is not None
    assert found.offers == ("review", "resume")


def test_the_cursor_may_stand_in_a_later_row() -> None:
    rows = {5: "› /foo one", 6: "  two", 7: "", 8: "  four", 10: "  100% context left"}

    found = read(screen(rows, (8, 6)))

    assert found is not None
    assert (found.first, found.rows, found.name, found.is_bare) == ("/foo one", 4, "foo", False)


def test_a_search_field_below_is_no_composer() -> None:
    assert read(screen({5: "› /foo one", 7: "  reverse-i-search: foo  enter accept"}, (7, 22), lines=8)) is None


@pytest.mark.parametrize(
    "rows",
    [
        {5: "• /foo"},
        {5: "  1. Yes", 4: "Allow this?"},
        {5: "▌ /foo"},
        {},
    ],
)
def test_other_fields_are_no_composer(rows: dict[int, str]) -> None:
    assert read(screen(rows, (5, 7))) is None


def test_a_hidden_cursor_stands_in_no_composer() -> None:
    made = screen({5: "› /foo"}, (5, 6))
    made.feed(b"\x1b[?25l")

    assert read(made) is None


def test_a_row_that_is_not_all_known_is_not_read() -> None:
    made = Screen(20, 60)
    made.lose()
    made.feed("\x1b[6;1H› /foo".encode())

    assert read(made) is None


def test_footers_tell_about_vim_and_the_queue() -> None:
    vim = read(screen({5: "› /foo", 7: "  model", 8: "      Vim: Normal"}, (5, 3)))
    queue = read(screen({5: "› /foo", 7: "  tab to queue message"}, (5, 6)))

    assert (vim and vim.mode, queue and queue.queues) == ("Normal", True)


@pytest.mark.parametrize(
    ("text", "name"), [("/foo:bar x", "foo:bar"), ("/", ""), ("/ foo", ""), ("foo", ""), ("//x", "/x")]
)
def test_the_name_ends_at_the_first_blank(text: str, name: str) -> None:
    assert Composer(text, rows=1, at_end=True).name == name
