"""The rules keep what the scan relies on: bounded, possessive, told apart by their anchors."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services.redact.corpus import UPPER

from codexplus_core.services.redact import Redactor
from codexplus_core.services.redact.finder import Finder
from codexplus_core.services.redact.pieces import (
    NEVER,
    SEEN,
    Piece,
    either,
    exactly,
    maybe,
    no_next,
    repeated,
    row,
    some,
    unless,
)
from codexplus_core.services.redact.plausible import PLACEHOLDER
from codexplus_core.services.redact.rule import LOOK_BACK, Rule

RULES = Finder().rules
GIVES_BACK = re.compile(r"(?<!\\)(?:\{\d+(?:,\d+)?\}|[*?])(?![+:!<=>iP)])")


def test_every_kind_makes_a_placeholder_that_is_recognised() -> None:
    assert [rule.kind for rule in RULES if not PLACEHOLDER.fullmatch(f"[REDACTED:{rule.kind}]")] == []


def test_anchors_are_literal_and_folded_ones_are_in_lower_case() -> None:
    assert [rule.kind for rule in RULES if not rule.anchors or not all(rule.anchors)] == []
    assert [
        rule.kind for rule in RULES if rule.folded and any(anchor != anchor.lower() for anchor in rule.anchors)
    ] == []


def test_the_work_on_one_place_is_bounded_and_never_done_twice() -> None:
    """With that, time is linear: places are at most one for each character and anchor."""
    sources = [(rule, form.whole.pattern) for rule in RULES for form in rule.forms]
    sources += [(rule, rule.led.pattern) for rule in RULES]

    assert [(rule.kind, source) for rule, source in sources if GIVES_BACK.search(_outside_classes(source))] == []
    assert max(rule.longest for rule in RULES) <= 2500
    assert LOOK_BACK >= 200


def _outside_classes(source: str) -> str:
    return re.sub(r"\[(?:\\.|[^\]\\])*\]", "c", source)


def looked_at(text: str) -> int:
    """How many times the rules look at a place of the text."""
    return len(Finder().places(text, 0))


@pytest.mark.parametrize(
    "unit",
    [
        "password=",
        "token ",
        "-eyJ",
        "://a@",
        "-----BEGIN ",
        'secret": "',
        "sk-",
        "\\",
        '"',
        "Cookie: a=",
        "Bearer ",
        "A",
    ],
)
def test_places_to_look_at_grow_with_the_text_and_not_faster(unit: str) -> None:
    small, large = looked_at(unit * 100), looked_at(unit * 1000)

    assert large <= 10 * small + 10
    assert len(Redactor().text(unit * 2000)) > 0


def test_a_rule_is_tried_only_at_its_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    before = Rule.allowed

    def allowed(rule: Rule, text: str, floor: int, start: int) -> bool:
        tried.append(rule.kind)
        return before(rule, text, floor, start)

    monkeypatch.setattr(Rule, "allowed", allowed)
    dice = random.Random(1)

    Redactor().text(" ".join("".join(dice.choices(UPPER.lower(), k=6)) for _ in range(2000)))

    assert len(tried) <= 40


# How pieces know that a text breaks off within them.

LEAVES = st.one_of(
    st.builds(exactly, st.text("ab.", min_size=1, max_size=3)),
    st.builds(lambda least, more: some("ab", least, least + more), st.integers(0, 2), st.integers(1, 3)),
    st.builds(no_next, st.sampled_from(["a", "b."])),
    st.builds(unless, st.text("ab.", min_size=1, max_size=2)),
    st.just(SEEN),
)
TAKING = st.one_of(
    st.builds(exactly, st.text("ab.", min_size=1, max_size=3)),
    st.builds(lambda more: some("ab", 1, 1 + more), st.integers(0, 3)),
)


def combined(inner: st.SearchStrategy[Piece]) -> st.SearchStrategy[Piece]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda pieces: row(*pieces)),
        st.lists(inner, min_size=1, max_size=3).map(lambda pieces: either(*pieces)),
        st.builds(maybe, inner),
        st.builds(lambda first, rest, most: repeated(row(first, rest), 0, most), TAKING, inner, st.integers(1, 3)),
    )


@settings(max_examples=600)
@given(st.recursive(LEAVES, combined, max_leaves=6), st.text("ab.", max_size=8), st.text("ab.", max_size=6))
def test_a_piece_that_says_it_is_decided_is_not_changed_by_more_text(piece: Piece, text: str, more: str) -> None:
    whole = re.compile(piece.whole)
    undecided = re.match(piece.begun(NEVER), text) is not None

    early, late = whole.match(text), whole.match(text + more)

    assert undecided or (early and early.span()) == (late and late.span())


@settings(max_examples=300)
@given(st.recursive(LEAVES, combined, max_leaves=6), st.text("ab.", max_size=40))
def test_a_piece_never_looks_further_than_it_says(piece: Piece, text: str) -> None:
    whole = re.compile(piece.whole)
    near = text[: piece.longest]
    found = whole.match(text)

    assert len(text) <= piece.longest or re.match(piece.begun(NEVER), text) is None
    assert found is None or found.end() <= len(near)
