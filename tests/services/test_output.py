"""What is kept of an output: the first bytes, whole characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.output import Kept, whole_characters


@given(st.text(), st.integers(0, 200), st.integers(1, 7))
def test_a_cut_text_is_a_beginning_of_it_and_loses_at_most_one_character(text: str, limit: int, part: int) -> None:
    data = text.encode()
    kept = Kept(limit)
    for start in range(0, len(data), part):
        kept.add(data[start : start + part])

    found = kept.value().decode()

    assert text.startswith(found)
    assert kept.dropped == max(len(data) - limit, 0)
    assert len(found.encode()) > min(limit, len(data)) - 4
    assert kept.dropped or found == text


@given(st.binary(max_size=50))
def test_bytes_that_are_no_text_lose_at_most_three(data: bytes) -> None:
    found = whole_characters(data)

    assert data.startswith(found)
    assert len(data) - len(found) <= 3


def test_what_fits_is_kept_even_where_it_ends_within_a_character() -> None:
    kept = Kept(10)
    kept.add("€".encode()[:2])

    assert (kept.value(), kept.dropped) == ("€".encode()[:2], 0)
