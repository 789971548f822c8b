"""Bits of text put together into whole sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_slash.sentences import LONGEST_S, MOST_CHARACTERS, Sentences


def bits(text: str, size: int = 3) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def chunks(parts: list[str]) -> list[str]:
    sentences = Sentences(lambda: 0.0)
    found = [whole for part in parts if (whole := sentences.feed(part))]
    rest = sentences.rest()
    return [*found, rest] if rest else found


@given(st.lists(st.text(alphabet='aB1 .!?\n`~-*。:"é', max_size=40), max_size=30))
def test_nothing_is_lost_added_or_put_in_another_order(parts: list[str]) -> None:
    assert "".join(chunks(parts)) == "".join(parts)


def test_a_sentence_comes_when_it_is_whole() -> None:
    assert chunks(bits("This is one. And this is two! Three?")) == ["This is one. ", "And this is two! ", "Three?"]


@pytest.mark.parametrize(
    "text", ["See e.g. the docs. ", "1. First of all. ", "By J. Doe and Dr. No. ", "It is 3.14 long. "]
)
def test_a_full_stop_that_ends_no_sentence_does_not_part_it(text: str) -> None:
    assert chunks(bits(text, 2)) == [text]


def test_lines_of_a_list_come_one_by_one() -> None:
    assert chunks(bits("- one\n- two\n\nEnd", 1)) == ["- one\n", "- two\n", "\nEnd"]


def test_a_block_of_code_comes_in_whole_lines() -> None:
    code = "```python\nx = a. b\nprint(x)\n```\nDone. So"

    assert chunks(bits(code, 2)) == ["```python\n", "x = a. b\n", "print(x)\n", "```\n", "Done. ", "So"]


def test_a_long_sentence_comes_in_parts_between_words() -> None:
    text = "word " * 300

    found = chunks(bits(text))

    assert "".join(found) == text
    assert all(part.endswith(" ") and len(part) <= MOST_CHARACTERS + 3 for part in found)


def test_a_word_without_end_is_not_held_for_ever() -> None:
    found = chunks(bits("x" * 5000))

    assert max(map(len, found)) <= MOST_CHARACTERS + 3


def test_what_is_held_too_long_comes_at_the_next_word() -> None:
    now = [0.0]
    sentences = Sentences(lambda: now[0])

    first = sentences.feed("It takes ")
    now[0] = LONGEST_S + 0.1
    second = sentences.feed("some ti")

    assert (first, second, sentences.rest()) == ("", "It takes some ", "ti")
