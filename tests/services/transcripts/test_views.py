"""Only what is new of a view is written, and an earlier process's work is known again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.transcripts.made_account import message

from codexplus_core.protocol.pieces import Growing
from codexplus_core.services.transcripts.views import UNNAMED_PIECES, Mark, Views

A, B, C = (message(text) for text in "abc")
a, b, c = (json.loads(piece) for piece in (A, B, C))


def no_mark() -> Mark | None:
    return None


def test_what_was_written_is_not_new() -> None:
    views = Views()

    first, again, more = (views.news("t", pieces, no_mark) for pieces in ([A, B], [A, B], [A, B, C]))

    assert [(news.first, news.items) for news in (first, again, more)] == [(0, [a, b]), (2, []), (2, [c])]


def test_what_was_put_behind_the_last_item_makes_it_new() -> None:
    views = Views()
    views.news("t", [A, B], no_mark)

    news = views.news("t", [A, B + b"," + C, A], no_mark)

    assert (news.first, news.items) == (1, [b, c, a])
    assert views.news("t", [A, B + b"," + C, A, A], no_mark).first == 4


def test_going_back_begins_where_the_views_part() -> None:
    views = Views()
    views.news("t", [A, B, C], no_mark)

    assert (views.news("t", [A, C], no_mark).first, views.news("t", [A], no_mark).first) == (1, 1)


def test_threads_do_not_mix_and_the_oldest_is_forgotten() -> None:
    views = Views(keep=1)
    views.news("t", [A], no_mark)

    assert views.news("u", [A], no_mark).first == 0
    assert views.news("t", [A], no_mark).first == 0


def test_a_new_process_goes_on_where_the_last_one_stopped() -> None:
    mark = Views().news("t", [A, B], no_mark).mark

    assert Views().news("t", [A, B, C], lambda: mark).items == [c]
    assert Views().news("t", [A, B + b"," + C, A], lambda: mark).first == 1
    assert Views().news("t", [A], lambda: mark).items == []
    assert Views().news("t", [C, B, A], lambda: mark).first == 0
    assert Views().news("t", [], lambda: mark).items == []


@given(st.lists(st.lists(st.sampled_from([A, B, C, A + b"," + B]), max_size=8), max_size=8), st.integers(0, 8))
def test_the_lines_together_are_the_last_view(requests: list[list[bytes]], restart: int) -> None:
    """Reading ``from`` and ``items`` of each line in order gives the model's view at any moment."""
    views, mark, items = Views(), None, list[Any]()

    for number, pieces in enumerate(requests):
        if number == restart:
            views = Views()
        news = views.news("t", pieces, lambda: mark)  # noqa: B023 - called at once
        mark = news.mark
        items = [*items[: news.first], *news.items]

        assert items == json.loads(b"[%b]" % b",".join(pieces))


@given(st.lists(st.lists(st.sampled_from([A, B, C, A + b"," + B]), max_size=6), max_size=6))
def test_a_mark_is_the_views_own_whatever_came_before_it(requests: list[list[bytes]]) -> None:
    views = Views()

    for pieces in requests:
        count, whole, before = views.news("t", pieces, no_mark).mark

        fresh = Views().news("t", pieces, no_mark).mark
        assert (count, whole, before if pieces else "") == (*fresh[:2], fresh[2] if pieces else "")


def test_where_no_thread_is_named_a_view_is_new_beyond_the_one_it_goes_on_from() -> None:
    views = Views()

    news = [views.unnamed(pieces) for pieces in ([A], [B, B], [A, C], [A, C], [B, B, A], [C])]

    assert [(each.first, each.items) for each in news] == [(0, [a]), (0, [b, b]), (1, [c]), (2, []), (2, [a]), (0, [c])]
    first, second, third, fourth, _, sixth = news
    assert [each.on for each in news] == ["", "", first.mark[1], third.mark[1], second.mark[1], ""]
    assert (fourth.mark, len(sixth.mark[1])) == (third.mark, 24)


def test_where_no_thread_is_named_what_stands_behind_the_last_item_may_have_changed() -> None:
    views = Views()
    views.unnamed([A, B + b"," + C])

    news = views.unnamed([A, B, A])

    assert (news.first, news.items) == (1, [b, a])
    assert views.unnamed([B, A]).on == ""


def test_a_view_of_very_many_pieces_without_a_thread_is_not_kept() -> None:
    views = Views()
    many = [A] * (UNNAMED_PIECES + 1)
    views.unnamed(many)

    assert views.unnamed(many).on == ""


def test_views_without_a_thread_are_forgotten_as_others_are() -> None:
    views = Views()
    views.unnamed([A])
    views.news("t", [A], no_mark)

    views.forget("")

    assert views.unnamed([A]).on == ""
    assert views.news("t", [A], no_mark).first == 1


@given(st.lists(st.lists(st.sampled_from([A, B, C, A + b"," + B]), max_size=6), max_size=10))
def test_the_lines_that_go_on_from_each_other_are_each_view(requests: list[list[bytes]]) -> None:
    """Reading ``from`` and ``items`` on top of the line whose view is ``on`` gives what the model was sent."""
    views = Views()
    known: dict[str, list[Any]] = {"": []}

    for pieces in requests:
        news = views.unnamed(pieces)
        known[news.mark[1]] = [*known[news.on][: news.first], *news.items]

        assert known[news.mark[1]] == json.loads(b"[%b]" % b",".join(pieces))


def test_pieces_of_one_origin_are_told_apart_from_others_of_the_same_number() -> None:
    views = Views()
    growing, other = Growing([A, B]), Growing([A, C])
    assert views.news("t", growing.first(2), no_mark).items == [a, b]

    growing.add(C)
    on = views.news("t", growing.first(3), no_mark)
    again = views.news("t", growing.first(1), no_mark)
    apart = views.news("t", other.first(2), no_mark)

    assert [(news.first, news.items) for news in (on, again, apart)] == [(2, [c]), (1, []), (1, [c])]
    assert on.mark == Views().news("t", [A, B, C], no_mark).mark
    assert views.news("t", [A, C], no_mark).items == []


def test_a_view_that_goes_on_is_known_by_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[bytes] = []

    def look(piece: bytes) -> int:
        looked_at.append(piece)
        return hash(piece)

    monkeypatch.setattr("codexplus_core.services.transcripts.views.hash", look, raising=False)
    views, growing = Views(), Growing([A, B])
    views.news("t", growing.first(2), no_mark)
    growing.add(C)
    looked_at.clear()

    assert views.news("t", growing.first(3), no_mark).items == [c]
    assert looked_at == [C]
