"""What becomes of Enter and Tab, by what the composer shows and which names are known; the clock is the test's."""

from __future__ import annotations

from codexplus_core.terminal.codex_names import names_of_codex
from codexplus_core.terminal.composer import Composer
from codexplus_core.terminal.gate import ECHO_S, SETTLE_S, Gate
from codexplus_core.terminal.names import WAIT_S, Names

FRONT = b"\x1b[H\x1b[200~ \x1b[201~"


class Desk:
    """A gate with a composer that shows what it is told to."""

    def __init__(self, shows: str | None, *, known: str = "foo help", answers: bool = True, **more: object) -> None:
        self.shows = None if shows is None else Composer(shows, **{"rows": 1, "at_end": True, **more})  # type: ignore[arg-type]
        self.pastes = True
        self.names = Names(lambda: None, lambda: None)
        self.names.known = frozenset(known.split())
        self.asked: list[float] = []
        self.answers = answers
        self.names.refresh = self.asked.append  # type: ignore[method-assign,assignment]
        self.names.due = lambda now: None if self.answers or now >= self.asked[0] + WAIT_S else self.asked[0] + WAIT_S  # type: ignore[method-assign]
        self.gate = Gate(
            lambda: self.shows, self.names, codexs=names_of_codex("0.169.0"), takes_pastes=lambda: self.pastes
        )


def test_ordinary_keys_pass_at_once() -> None:
    desk = Desk("hello")

    assert desk.gate.typed(b"a\x1b[Ab\x7f", 0.0) == b"a\x1b[Ab\x7f"
    assert desk.gate.typed(b"\r", 0.001) == b"\r"
    assert desk.gate.due is None


def test_enter_behind_a_fresh_slash_waits_for_the_screen() -> None:
    desk = Desk("/fo")
    desk.gate.typed(b"o", 10.0)

    at_once = desk.gate.typed(b"\r", 10.01)
    due = desk.gate.due
    desk.shows = Composer("/foo", rows=1, at_end=True)
    desk.gate.shown()

    assert at_once == b""
    assert due == 10.0 + SETTLE_S
    assert desk.gate.later(10.0 + SETTLE_S) == FRONT + b"\r"
    assert desk.gate.due is None


def test_enter_right_behind_an_arrow_waits_for_the_line_that_it_recalls() -> None:
    desk = Desk(None)
    desk.gate.typed(b"\x1b[A", 10.0)

    at_once = desk.gate.typed(b"\r", 10.01)
    desk.shows = Composer("/foo again", rows=1, at_end=True)
    desk.gate.shown()

    assert at_once == b""
    assert desk.gate.later(10.0 + SETTLE_S) == FRONT + b"\r"


def test_a_program_that_shows_nothing_is_not_waited_for_for_ever() -> None:
    desk = Desk("/foo")
    desk.gate.typed(b"o", 10.0)
    desk.gate.typed(b"\r", 10.2)

    assert desk.gate.later(10.3) == b""
    assert desk.gate.later(10.0 + ECHO_S) == FRONT + b"\r"


def test_what_shows_nothing_is_not_waited_for() -> None:
    for unseen in (b"\x1b[<35;20;4M", b"\x1b[I", b"\x1b[111;1:3u", b"\x1b[3;1R", b"\x1b]11;rgb:0/0/0\x1b\\"):
        desk = Desk("/foo")
        desk.gate.typed(unseen, 10.0)

        assert desk.gate.typed(b"\r", 10.01) == FRONT + b"\r"


def test_names_that_are_on_their_way_are_waited_for_and_then_not() -> None:
    desk = Desk("/foo", known="", answers=False)

    assert desk.gate.typed(b"\r", 10.0) == b""
    assert desk.gate.due == 10.0 + WAIT_S
    assert desk.gate.later(10.0 + WAIT_S) == b"\r"


def test_keys_behind_a_held_enter_keep_their_order() -> None:
    desk = Desk("/foo")
    desk.gate.typed(b"o", 10.0)
    desk.gate.typed(b"\r", 10.01)
    desk.gate.shown()

    assert desk.gate.typed(b"\x1b[I", 10.02) == b""
    assert desk.gate.later(10.2) == FRONT + b"\r\x1b[I"


def test_text_behind_a_held_enter_lets_all_go_as_typed() -> None:
    desk = Desk("/foo")
    desk.gate.typed(b"o", 10.0)
    desk.gate.typed(b"\r", 10.01)

    assert desk.gate.typed(b"more", 10.02) == b"\rmore"
    assert desk.gate.due is None


def test_text_behind_a_held_tab_waits_for_what_tab_puts_in() -> None:
    desk = Desk("/he")
    desk.gate.typed(b"e", 10.0)
    desk.gate.typed(b"\t", 10.01)
    desk.gate.shown()

    assert desk.gate.typed(b"me", 10.02) == b""
    assert desk.gate.due == 10.0 + SETTLE_S
    assert desk.gate.later(10.0 + SETTLE_S) == b"\x1b[200~lp \x1b[201~me"
    assert desk.gate.due is None


def test_ctrl_c_waits_behind_no_held_key() -> None:
    for key in (b"\r", b"\t"):
        desk = Desk("/he")
        desk.gate.typed(b"e", 10.0)
        desk.gate.typed(key, 10.01)

        assert desk.gate.typed(b"\x03", 10.02) == key + b"\x03"


def test_names_are_asked_for_when_a_slash_is_typed() -> None:
    desk = Desk("")

    desk.gate.typed(b"hello", 1.0)
    desk.gate.typed(b"/", 2.0)

    assert desk.asked == [2.0]


def test_without_marked_pastes_nothing_is_put_in() -> None:
    desk = Desk("/foo")
    desk.pastes = False

    assert desk.gate.typed(b"\r", 1.0) == b"\r"


def test_no_composer_no_change() -> None:
    assert Desk(None).gate.typed(b"\r", 1.0) == b"\r"


def test_several_rows_are_left_by_going_up_line_by_line() -> None:
    sent = Desk("/foo one", rows=3, at_end=False).gate.typed(b"\r", 1.0)

    assert sent == b"\x01" * 6 + b"\x1b[200~ \x1b[201~\r"


def test_a_text_that_may_be_scrolled_passes() -> None:
    assert Desk("/foo one", rows=21, at_end=False).gate.typed(b"\r", 1.0) == b"\r"


def test_the_normal_mode_of_vim_is_left_by_its_own_key() -> None:
    assert Desk("/foo", mode="Normal", at_end=False).gate.typed(b"\r", 1.0) == b"0\x1b[200~ \x1b[201~\r"
    assert Desk("/foo", mode="Insert").gate.typed(b"\r", 1.0) == FRONT + b"\r"
    assert Desk("/foo", mode="Normal", rows=2, at_end=False).gate.typed(b"\r", 1.0) == b"\r"
    assert Desk("/foo", mode="Visual").gate.typed(b"\r", 1.0) == b"\r"


def test_a_command_of_codex_that_only_its_popup_names_stays_codexs() -> None:
    assert Desk("/foo", offers=("foo",)).gate.typed(b"\r", 1.0) == b"\r"
    assert Desk("/foo", offers=("food",)).gate.typed(b"\r", 1.0) == FRONT + b"\r"


def test_after_an_arrow_the_popup_decides_until_something_is_typed() -> None:
    desk = Desk("/foo", offers=("food",))
    desk.gate.typed(b"\x1b[B", 1.0)
    chosen = desk.gate.typed(b"\r", 2.0)
    desk.gate.typed(b"\x1b[B", 3.0)
    desk.gate.typed(b"o", 4.0)
    desk.gate.shown()

    assert chosen == b"\r"
    assert desk.gate.typed(b"\r", 5.0) == FRONT + b"\r"


def test_a_name_of_codex_stays_codexs_in_every_version() -> None:
    for name in ("status", "model", "review", "hooks", "mcp", "quit"):
        assert Desk(f"/{name} x", known=name).gate.typed(b"\r", 1.0) == b"\r"
    assert "undo" in names_of_codex("0.98.0")
    assert "undo" not in names_of_codex("0.169.0")
    assert names_of_codex("0.169.0") | names_of_codex("0.98.0") == names_of_codex("") == names_of_codex("0.200.0")


def test_tab_completes_as_far_as_the_names_agree() -> None:
    assert Desk("/he").gate.typed(b"\t", 1.0) == b"\x1b[200~lp \x1b[201~"
    assert Desk("/f", known="fix-a fix-b").gate.typed(b"\t", 1.0) == b"\x1b[200~ix-\x1b[201~"
    assert Desk("/fix-", known="fix-a fix-b").gate.typed(b"\t", 1.0) == b"\t"
    assert Desk("/st", known="status").gate.typed(b"\t", 1.0) == b"\t"
    assert Desk("/he", offers=("hello",)).gate.typed(b"\t", 1.0) == b"\t"
    assert Desk("/he", at_end=False).gate.typed(b"\t", 1.0) == b"\t"
    assert Desk("hello").gate.typed(b"\t", 1.0) == b"\t"


def test_where_tab_hands_the_text_in_it_counts_as_enter() -> None:
    assert Desk("/foo x", queues=True).gate.typed(b"\t", 1.0) == FRONT + b"\t"
    assert Desk("/fo", queues=True).gate.typed(b"\t", 1.0) == b"\t"
