"""Input taken apart: nothing is lost, pastes are one piece, and Enter is known in all its forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.terminal.keys import Key, Keys

INPUT = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"\r", b"\x1b[13u", b"\x1b[200~", b"\x1b[201~", b"\x1b[A", b"\x1b[97;1:3u", b"\x1b", b"/foo"]),
    ),
    max_size=12,
)


@given(INPUT)
def test_no_byte_is_lost(reads: list[bytes]) -> None:
    keys = Keys()

    assert b"".join(key.data for read in reads for key in keys.of(read)) == b"".join(reads)


@pytest.mark.parametrize(
    "data",
    [b"\r", b"\x1bOM", b"\x1b[13u", b"\x1b[13;1u", b"\x1b[13;1:1u", b"\x1b[13;129u", b"\x1b[57414u", b"\x1b[13;65u"],
)
def test_these_are_enter(data: bytes) -> None:
    assert list(Keys().of(data)) == [Key("enter", data)]


@pytest.mark.parametrize("data", [b"\n", b"\x1b\r", b"\x1b[13;2u", b"\x1b[13;5u", b"\x1b[13;1:3u", b"\x1b[13;1:2u"])
def test_these_are_not_enter(data: bytes) -> None:
    assert "enter" not in {key.kind for key in Keys().of(data)}


def test_enter_in_a_paste_is_text_even_across_reads() -> None:
    keys = Keys()

    found = [*keys.of(b"a\x1b[200~one\r"), *keys.of(b"two\r"), *keys.of(b"\x1b[201~\r")]

    assert [key.kind for key in found] == ["text", "paste", "paste", "paste", "enter"]


@pytest.mark.parametrize("data", [b"\x1b[A", b"\x1bOB", b"\x1b[1;1B", b"\x10", b"\x0e", b"\x1b[112;5u"])
def test_these_walk_through_a_popup(data: bytes) -> None:
    assert [key.kind for key in Keys().of(data)] == ["arrow"]


def test_text_between_keys_is_text() -> None:
    assert [key.kind for key in Keys().of("ä/\x1b[I\x1b[<0;1;1Mx\t".encode())] == [
        "text",
        "other",
        "other",
        "text",
        "tab",
    ]
