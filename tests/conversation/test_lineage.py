"""What a response id stands for on one connection, and what is new behind it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.conversation.lineage import KEEP, Lineage, joined

A, B, C, D = b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}'


def test_nothing_was_said_yet() -> None:
    lineage = Lineage()

    assert lineage.after("r1") is None
    assert lineage.going_on(A) == ("", A)
    assert lineage.going_on(b"") == ("", b"")


def test_what_comes_behind_the_newest_response_is_new() -> None:
    lineage = Lineage()
    lineage.said("r1", joined(A, B))
    lineage.said("r2", joined(A, B, C))

    assert lineage.going_on(joined(A, B, C, D)) == ("r2", D)
    assert lineage.going_on(joined(A, B, C)) == ("r2", b"")


@pytest.mark.parametrize(
    "items", [joined(A, B, D), joined(A, B), joined(B, A, C, D), A, b"", joined(A, B, C) + b"x", joined(A, B, C)[:-1]]
)
def test_a_conversation_that_went_another_way_goes_up_whole(items: bytes) -> None:
    lineage = Lineage()
    lineage.said("r1", joined(A, B, C))

    assert lineage.going_on(items) == ("", items)


def test_a_warm_up_has_nothing_in_it_and_everything_is_new_behind_it() -> None:
    lineage = Lineage()
    lineage.said("warm", b"")

    assert lineage.after("warm") == b""
    assert lineage.going_on(joined(A, B)) == ("warm", joined(A, B))


def test_a_response_stands_for_all_that_was_said_up_to_its_end() -> None:
    lineage = Lineage()
    lineage.said("warm", b"")
    lineage.said("r1", joined(A, B))
    lineage.said("r2", joined(A, B, C, D))

    assert [lineage.after(id) for id in ("warm", "r1", "r2", "r3")] == [b"", joined(A, B), joined(A, B, C, D), None]


class Counted(bytes):
    """Items that note what they are compared with."""

    compared: list[int]

    def startswith(self, *prefix: Any) -> bool:
        self.compared.append(len(prefix[0]))
        return super().startswith(*prefix)


def test_a_conversation_that_goes_on_is_compared_once_however_many_responses_are_known() -> None:
    lineage, items = Lineage(), b""
    for number in range(2 * KEEP):
        items = joined(items, b'{"n":%d}' % number)
        lineage.said(f"r{number}", items)
    more = Counted(joined(items, A))
    more.compared = []

    lineage.said("next", more)

    assert more.compared == [len(items)]
    assert [lineage.after(f"r{number}") is not None for number in range(2 * KEEP)] == [
        number > KEEP for number in range(2 * KEEP)
    ]


def test_what_another_turn_of_the_conversation_ended_in_is_forgotten() -> None:
    lineage = Lineage()
    lineage.said("r1", A)
    lineage.said("r2", joined(A, B))

    lineage.said("r3", joined(A, C))

    assert [lineage.after(id) for id in ("r1", "r2", "r3")] == [A, None, joined(A, C)]


def test_an_item_that_begins_as_another_one_is_not_that_one() -> None:
    lineage = Lineage()
    lineage.said("r1", b"1")

    lineage.said("r2", b"12")

    assert lineage.after("r1") is None


def test_an_id_that_comes_again_stands_for_what_was_said_last() -> None:
    lineage = Lineage()
    lineage.said("same", A)
    lineage.said("other", joined(A, B))
    lineage.said("same", joined(A, B, C))

    assert lineage.after("same") == joined(A, B, C)
    assert lineage.going_on(joined(A, B, C, D)) == ("same", D)


def test_after_a_failure_the_next_request_is_whole() -> None:
    lineage = Lineage()
    lineage.said("r1", A)

    lineage.forget()

    assert lineage.after("r1") is None
    assert lineage.going_on(joined(A, B)) == ("", joined(A, B))


@pytest.mark.abuse("A17")
def test_a_long_connection_remembers_its_newest_responses_only() -> None:
    lineage = Lineage()
    for at in range(100):
        lineage.said(f"r{at}", joined(*[A] * at))

    assert [at for at in range(100) if lineage.after(f"r{at}") is not None] == list(range(100 - KEEP, 100))


def test_runs_of_items_join_without_a_gap() -> None:
    assert joined() == joined(b"", b"") == b""
    assert joined(b"", A, b"", B) == A + b"," + B


@given(st.lists(st.lists(st.sampled_from([A, B, C, b"1", b"12"]), max_size=4), min_size=1, max_size=8))
def test_what_is_known_and_what_is_new_are_always_the_whole(turns: list[list[bytes]]) -> None:
    lineage = Lineage()
    for at, turn in enumerate(turns):
        items = joined(*turn)
        previous, new = lineage.going_on(items)
        known = lineage.after(previous) if previous else b""
        assert known is not None
        assert joined(known, new) == items

        lineage.said(f"r{at}", items)
        assert lineage.after(f"r{at}") == items
