"""Hostile text is shown so that nobody is fooled by it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.approvals.show import (
    MAX_BLANKS,
    MAX_CHARS,
    MAX_PARTS,
    MAX_TEXTS,
    block,
    code,
    deceives,
    oddities,
    unreviewable,
    visible,
)

HOSTILE = {
    "git status \u202e# \u2066 good": ("\\u{202e RIGHT-TO-LEFT OVERRIDE}", "turn the direction"),
    "g\u0456t status": ("\\u{456 CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}", "(like i)"),
    "ls\u200b -la": ("\\u{200b ZERO WIDTH SPACE}", "cannot be seen"),
    "echo \x1b[2K\rAllow? safe": ("\\u{1b ESCAPE}[2K\\u{d CARRIAGE RETURN}Allow", "control characters"),
    "ls\u3164": ("\\u{3164 HANGUL FILLER}", "cannot be seen"),
    "ls\u2800": ("\\u{2800 BRAILLE PATTERN BLANK}", "cannot be seen"),
    "\uff47it": ("\\u{ff47 FULLWIDTH LATIN SMALL LETTER G}", "(like g)"),
    "rm\u00a0-rf": ("\\u{a0 NO-BREAK SPACE}", "cannot be seen"),
    "a\U000e0072": ("\\u{e0072 TAG LATIN SMALL LETTER R}", "cannot be seen"),
    "a\ufe0f": ("\\u{fe0f VARIATION SELECTOR-16}", "cannot be seen"),
    "cat etc\u2215passwd": ("\\u{2215 DIVISION SLASH}", "(like /)"),
    "rm \u2013rf": ("\\u{2013 EN DASH}", "(like -)"),
    "a\nb": ("a\\u{a LINE FEED}b", "control characters"),
    "a\u2028b": ("\\u{2028 LINE SEPARATOR}", "cannot be seen"),
    "\u212angit": ("\\u{212a KELVIN SIGN}", "(like K)"),
    "=\u0338": ("\\u{338 COMBINING LONG SOLIDUS OVERLAY}", "outside ASCII"),
    "a\udc80": ("\\u{dc80 NO CHARACTER}", "cannot be seen"),
    "\u05d0/\u05d1": ("\\u{5d0 HEBREW LETTER ALEF}", "outside ASCII|look like others"),
}


@pytest.mark.abuse("B19", "C11")
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_hides_turns_or_imitates_is_spelled_out_and_named(text: str) -> None:
    spelled, named = HOSTILE[text]

    assert spelled in visible(text)
    assert visible(text).isprintable()
    assert re.search(named.replace("(", r"\(").replace(")", r"\)"), " ".join(oddities(text)))
    assert deceives(text)


@pytest.mark.parametrize("text", ["git status", "echo 'it is' \"so\" | tee -a x && y; $z `q`", "a\\ub\\n"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert not deceives(text)
    assert oddities(text) == []


def test_letters_of_living_languages_are_shown_and_mentioned() -> None:
    assert visible("echo Größe été 漢字 한국") == "echo Größe été 漢字 한국"
    assert not deceives("Größe 漢字")
    assert oddities("Größe")[0].startswith("letters outside ASCII: ö U+00F6")


@pytest.mark.abuse("C11")
@given(st.text(st.characters(), max_size=30))
def test_what_is_shown_has_one_meaning(text: str) -> None:
    def meant(match: re.Match[str]) -> str:
        return chr(int(match[1], 16))

    assert re.sub(r"\\u\{([0-9a-f]+) [^}]*\}", meant, visible(text)) == text


@pytest.mark.abuse("C11")
@given(st.text(st.characters(), max_size=30))
def test_what_is_shown_has_no_character_that_hides_turns_or_moves(text: str) -> None:
    for char in visible(text):
        assert unicodedata.category(char)[0] in "LNPSZ"
        assert char == " " or not char.isspace()
        assert unicodedata.bidirectional(char) not in ("R", "AL", "RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI")
        visible(text).encode()


@pytest.mark.abuse("C11")
@given(st.text(st.sampled_from("`a\n~ "), max_size=12))
def test_no_text_ends_its_own_code(text: str) -> None:
    inline, fenced = code(text), block([text, "```"])

    ticks = len(inline) - len(inline.lstrip("`"))
    assert ticks not in [len(run) for run in re.findall("`+", inline[ticks:-ticks])]
    first, *inner, last = fenced.splitlines()
    assert first == last and len(inner) == 2 and not any(first in line for line in inner)


@pytest.mark.abuse("C12")
@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["git status\n\n\n\nrm -rf ~"], "several lines"),
        (["git status\rrm"], "several lines"),
        (["git status\u2028rm"], "several lines"),
        (["a" * (MAX_CHARS + 1)], "longer than 3000"),
        (["a" * 1600, "b" * 1600], "longer than 3000"),
        (["\u200b" * 200], "longer than 3000"),
        (["ls"] * (MAX_TEXTS + 1), "more than 20"),
        (["git status" + " " * (MAX_BLANKS + 1) + "; rm -rf ~"], "41 blanks"),
    ],
    ids=range(8),
)
def test_what_nobody_reads_to_the_end_is_not_judged_in_a_chat(texts: list[str], why: str) -> None:
    assert why in unreviewable(texts)


@pytest.mark.abuse("C12")
@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([f"read:docs/{number}" for number in range(MAX_PARTS + 1)], "more than 100 permissions"),
        ([""] * (MAX_PARTS + 1), "more than 100 permissions"),
        (["a" * MAX_CHARS], "longer than 3000"),
        (["a" * 1500, "\u200b" * 60], "longer than 3000"),
        ([" " * (MAX_BLANKS + 1)], "41 blanks"),
    ],
    ids=range(5),
)
def test_what_stands_around_a_text_counts_as_well(parts: list[str], why: str) -> None:
    assert why in unreviewable(["ls"], parts)


def test_what_can_be_read_can_be_judged() -> None:
    assert unreviewable(["ls"], ["read:docs"] * MAX_PARTS) == ""
    assert unreviewable(["ls"] * MAX_TEXTS) == ""
    assert unreviewable(["a" * MAX_CHARS]) == ""
