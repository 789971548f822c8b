"""Looking for all anchors at once finds what looking for each of them by itself finds."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codexplus_core.services.redact import Redactor
from codexplus_core.services.redact.anchors import Anchor, Anchors
from codexplus_core.services.redact.finder import Finder
from codexplus_core.services.redact.names import WORDS, kind_of
from codexplus_core.services.redact.plausible import MARK

FINDER = Finder()
ANCHORS = [
    Anchor(MARK, -1, folded=False),
    *(Anchor(text, number, rule.folded) for number, rule in enumerate(FINDER.rules) for text in rule.anchors),
]
ODD = ["é", "İ", "ſ", "\u212a", "\ud800", "𝕏", "?", "\0", "\n", " ", "a", "S"]
"""Among them letters that become an ASCII one, or two, in another case."""
PARTS = st.one_of(
    st.sampled_from(ANCHORS).map(lambda anchor: anchor.text),
    st.sampled_from(ANCHORS).map(lambda anchor: anchor.text.swapcase()),
    st.tuples(st.sampled_from(ANCHORS), st.integers(0, 8), st.integers(1, 9)).map(
        lambda cut: cut[0].text[cut[1] : cut[1] + cut[2]]
    ),
    st.sampled_from(ODD),
)


def each_by_itself(text: str, at: int) -> list[tuple[int, int, str]]:
    """Every place of every anchor: only A to Z have another case here."""
    low = text.translate({upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)})
    found = []
    for anchor in ANCHORS:
        where = low if anchor.folded else text
        found += [
            (start, anchor.number, anchor.text)
            for start in range(at, len(text))
            if where.startswith(anchor.text, start)
        ]
    return sorted(found)


def test_anchors_are_ascii_and_hold_nothing_that_stands_for_other_characters() -> None:
    assert [anchor for anchor in ANCHORS if not anchor.text.isascii() or "?" in anchor.text] == []


@pytest.mark.req("X2")
@pytest.mark.abuse("H01")
@settings(max_examples=500)
@given(st.lists(PARTS, max_size=12).map("".join), st.integers(0, 20))
@example("api_keysk-ant-://", 0)
@example("SECRET_secret_Secret", 3)
def test_all_at_once_finds_what_each_by_itself_does(text: str, at: int) -> None:
    at = min(at, len(text))

    assert FINDER.places(text, at) == each_by_itself(text, at)


@pytest.mark.abuse("H01")
@settings(max_examples=100)
@given(st.lists(PARTS, max_size=12).map("".join))
def test_without_re2_the_same_is_found(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "re2", None)
        slow = Anchors(ANCHORS).places(text, 0)

    assert slow == FINDER.places(text, 0)


@pytest.mark.abuse("H01")
def test_without_re2_secrets_go_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)

    assert Redactor().text("use AKIAQYLPMN5HHHFPZAM2 now") == "use [REDACTED:aws-key-id] now"


@pytest.mark.abuse("H01")
@pytest.mark.parametrize("word", [word for words in WORDS.values() for word in words])
@pytest.mark.parametrize("dash", ["_", "-", ".", " ", ""])
def test_a_name_with_a_word_for_a_secret_is_known_in_any_spelling(word: str, dash: str) -> None:
    spelled = word.replace("_", dash)

    assert None not in [kind_of(name) for name in (spelled, spelled.upper(), f"my_{spelled}", f"x-{spelled.title()}")]
