"""A text that comes again is redacted as it was the first time, and what is remembered is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.redact import Redactor
from codexplus_core.services.redact.remembered import Remembered

KEY = "AKIAQYLPMN5HHHFPZAM2"
REDACTOR = Redactor()
TEXTS = ["", "a", KEY, f"use {KEY}", "token=abcdefgh12345678", "plain words", "password: x", "x" * 40]
DATA = st.recursive(
    st.sampled_from([*TEXTS, None, 7, True]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TEXTS, "password"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.abuse("E10")
@given(st.lists(DATA, max_size=6), st.integers(0, 60))
def test_remembering_changes_nothing(values: list[object], room: int) -> None:
    remembered = Remembered(REDACTOR, room=room)

    assert [remembered.value(value) for value in values] == [REDACTOR.value(value) for value in values]
    assert [remembered.text(text) for text in TEXTS * 2] == [REDACTOR.text(text) for text in TEXTS * 2]


def test_a_text_is_looked_into_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    text = Redactor.text

    def look(redactor: Redactor, words: str) -> str:
        looked.append(words)
        return text(redactor, words)

    monkeypatch.setattr(Redactor, "text", look)
    remembered = Remembered(REDACTOR)

    for words in ("one", "two", "one", "two"):
        remembered.text(words)

    assert looked == ["one", "two"]


def test_what_is_remembered_is_bounded() -> None:
    remembered = Remembered(REDACTOR, room=1000)

    for number in range(500):
        remembered.text(f"{number:100}")

    assert sum(map(len, remembered.texts)) <= 1000


def test_what_one_name_means_is_not_taken_for_another_that_begins_like_it() -> None:
    remembered = Remembered(REDACTOR)
    names = ("password", "passport", "pass", "token", "tokens", "token_type", "api_key", "apiary")

    for _ in range(2):
        for name in names:
            assert remembered.value({name: "hunter22222"}) == REDACTOR.value({name: "hunter22222"})
