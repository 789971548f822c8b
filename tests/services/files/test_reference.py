"""A mention may name lines of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.files import Reference, lines_of, reference_of


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("a.py", Reference("a.py")),
        ("a.py#L3", Reference("a.py", 3, 3)),
        ("a.py#L3-10", Reference("a.py", 3, 10)),
        ("a.py#L3-L10", Reference("a.py", 3, 10)),
        ("a.py#L10-3", Reference("a.py", 3, 10)),
        ("a#b.py#L1", Reference("a#b.py", 1, 1)),
        ("a.py#L0", Reference("a.py#L0")),
        ("a.py#L", Reference("a.py#L")),
        ("a.py#L1-", Reference("a.py#L1-")),
        ("a.py#l1", Reference("a.py#l1")),
        ("a.py#L\u0663", Reference("a.py#L\u0663")),
        ("a.py#L9999999999", Reference("a.py#L9999999999")),
        ("#L3", Reference("#L3")),
        ("a.py#L3\n", Reference("a.py#L3\n")),
        ("", Reference("")),
    ],
)
def test_a_range_is_what_stands_at_the_end(text: str, reference: Reference) -> None:
    assert reference_of(text) == reference


@given(st.text())
def test_any_text_is_a_reference(text: str) -> None:
    reference = reference_of(text)

    assert text.startswith(reference.path) and (reference.first is None) == (reference.path == text)


def test_lines_are_counted_from_one_and_end_with_the_text() -> None:
    assert lines_of("a\nb\nc\n", Reference("x", 2, 3)) == "b\nc\n"
    assert lines_of("a\nb", Reference("x", 2, 9)) == "b"
    assert lines_of("a\nb", Reference("x", 7, 9)) == ""
    assert lines_of("a\nb", Reference("x")) == "a\nb"
