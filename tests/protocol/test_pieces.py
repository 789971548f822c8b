"""Pieces that only become more: what somebody has of them stays what it is."""

from __future__ import annotations

import contextlib
import gc
import random
from typing import Any

import pytest

from codexplus_core.protocol.pieces import Growing, Pieces


def grown(*pieces: bytes) -> Growing:
    return Growing(pieces)


def test_the_first_pieces_stay_the_same_however_the_list_goes_on() -> None:
    growing = grown(b"1", b"2")
    first = growing.first(2)

    growing.add(b"3")
    growing.cut(1)
    growing.add(b"4")

    assert list(first) == [b"1", b"2"]
    assert (list(growing.first(9)), len(growing.first(9))) == ([b"1", b"4"], 2)
    assert (first.text(), growing.first(2).text()) == (b"1,2", b"1,4")


@pytest.mark.parametrize(
    "pieces", [grown(b"1", b"2", b"3").first(2), Pieces([b"1", b"2"]), Pieces([b"1", b"2", b"3"], 2)]
)
def test_pieces_are_read_as_a_list_of_them_is(pieces: Pieces) -> None:
    plain = [b"1", b"2"]

    assert len(pieces) == 2
    assert [pieces[0], pieces[1], pieces[-1]] == [b"1", b"2", b"2"]
    assert [pieces[1:], pieces[:-1], pieces[::-1], pieces[5:]] == [plain[1:], plain[:-1], plain[::-1], []]
    with pytest.raises(IndexError):
        pieces[2]


@pytest.mark.parametrize("pieces", [grown(b"1", b"2").first(2), Pieces([b"1", b"2"])])
def test_they_are_joined_with_something_around_them(pieces: Pieces) -> None:
    assert pieces.text() == b"1,2"
    assert bytes(pieces.between(b"[", b"]")) == b"[1,2]"


@pytest.mark.parametrize("pieces", [grown().first(0), grown(b"1").first(0), Pieces([])])
def test_no_pieces_are_nothing_between_what_is_around_them(pieces: Pieces) -> None:
    assert bytes(pieces.between(b"[", b"]")) == b"[]"
    assert pieces.text() == b""


def test_what_is_still_being_sent_is_not_written_into() -> None:
    growing = grown(b"1")
    sent = growing.first(1).between(b"[", b"]")

    growing.add(b"2")
    more = growing.first(2).between(b"{", b"}")
    growing.cut(0)
    growing.add(b"3")
    other = growing.first(1).between(b"[[", b"]]")

    assert [bytes(each) for each in (sent, more, other)] == [b"[1]", b"{1,2}", b"[[3]]"]


def test_a_text_is_sent_from_where_it_stands() -> None:
    growing = grown(b"1", b"2")

    for count in (1, 2):
        sent = growing.first(count).between(b"[", b"]")

        assert isinstance(sent, memoryview)
        assert sent.obj is growing._text
        del sent


@pytest.mark.parametrize("failing", range(4))
def test_where_the_memory_does_not_suffice_the_next_one_is_whole(monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    left = [100]

    class Scarce(bytearray):
        def __iadd__(self, more: Any) -> Scarce:  # type: ignore[misc]
            left[0] -= 1
            if left[0] == 0:
                raise MemoryError
            super().__iadd__(more)
            return self

    monkeypatch.setattr("codexplus_core.protocol.pieces.bytearray", Scarce, raising=False)
    growing = grown(b"1", b"22")
    growing.first(2).between(b"[", b"]")
    growing.add(b"333")
    growing.add(b"4")

    left[0] = failing
    with pytest.raises(MemoryError) if failing else contextlib.nullcontext():
        growing.first(4).between(b"{", b"}")

    assert bytes(growing.first(4).between(b"[[", b"]]")) == b"[[1,22,333,4]]"
    assert growing.first(3).text() == b"1,22,333"


def test_pieces_to_be_kept_hold_no_text_and_are_of_the_same_origin() -> None:
    growing = grown(b"1", b"2")
    first = growing.first(1)
    first.between(b"[", b"]")

    alone = first.alone()

    assert (list(alone), alone.text(), bytes(alone.between(b"[", b"]"))) == ([b"1"], b"1", b"[1]")
    assert alone.origin == first.origin
    assert gc.get_referents(alone).count(growing) == 0


def test_pieces_of_one_origin_are_the_same_as_far_as_both_go() -> None:
    growing = grown(b"1", b"2")
    before = growing.first(1)
    growing.add(b"3")

    assert before.origin == growing.first(3).origin
    growing.cut(1)
    assert before.origin != growing.first(1).origin
    assert growing.origin != grown(b"1").origin


def test_cutting_nothing_off_changes_nothing() -> None:
    growing = grown(b"1")
    origin = growing.origin

    growing.cut(1)
    growing.cut(7)

    assert (growing.origin, len(growing)) == (origin, 1)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_done_in_whatever_order_all_that_was_given_out_stays(seed: int) -> None:
    dice = random.Random(seed)
    growing, plain = grown(), list[bytes]()
    held: list[tuple[bytes | memoryview, bytes]] = []
    taken: list[tuple[Pieces, list[bytes]]] = []
    for step in range(300):
        what = dice.randrange(7)
        if what < 2:
            plain.append(b"%d" % step)
            growing.add(plain[-1])
        elif what == 2 and dice.random() < 0.4:
            count = dice.randint(0, len(plain) + 1)
            growing.cut(count)
            plain = plain[:count]
        elif what == 3:
            count = dice.randint(0, len(plain))
            taken.append((growing.first(count), plain[:count]))
        elif what == 4 and held:
            held.pop(dice.randrange(len(held)))
        elif taken:
            pieces, same = dice.choice(taken)
            before, behind = dice.choice([b"[", b"{", b"[[["]), dice.choice([b"]", b"}}"])
            held.append((pieces.between(before, behind), before + b",".join(same) + behind))
            assert pieces.text() == b",".join(same)
        assert [bytes(given) for given, _ in held] == [wanted for _, wanted in held]
        assert all(list(pieces) == same for pieces, same in taken[-5:])
