"""A text in pieces is redacted as the whole text is, however it is cut, and without waiting for more than is needed."""

from __future__ import annotations

import argparse
import inspect
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services.redact.corpus import ALNUM, BASE64, EMBEDDINGS, HOLDERS, LOOK_ALIKES, PLACED, TOKENS

from codexplus_core.services.redact import Redactor
from codexplus_core.services.redact.finder import Finder
from codexplus_core.services.redact.scan import Scan

REDACTOR = Redactor()
CLEAN = inspect.getsource(argparse)
PROSE = " ".join(
    ["She had a word for it, and that was a quiet one; the secret of a good desk is to keep it clear."] * 40
)


def streamed(text: str, cuts: Iterable[int], redactor: Redactor = REDACTOR) -> str:
    stream, out, at = redactor.stream(), [], 0
    for cut in cuts:
        out.append(stream.feed(text[at:cut]))
        at = cut
    return "".join([*out, stream.feed(text[at:]), stream.end()])


@pytest.mark.req("X2")
@pytest.mark.abuse("H02")
@pytest.mark.parametrize("form", [*TOKENS, *PLACED])
def test_a_secret_cut_anywhere_goes_like_a_whole_one(form: str) -> None:
    make = {**TOKENS, **PLACED}[form]
    text = f"x={make(random.Random(form)).text}, y"
    whole = REDACTOR.text(text)

    assert [cut for cut in range(1, len(text)) if streamed(text, [cut]) != whole] == []
    assert streamed(text, range(1, len(text))) == whole


@pytest.mark.abuse("H02")
@pytest.mark.parametrize("form", [*TOKENS, *PLACED])
def test_a_secret_in_any_place_in_many_pieces_goes_like_a_whole_one(form: str) -> None:
    make, places = (TOKENS[form], EMBEDDINGS) if form in TOKENS else (PLACED[form], HOLDERS)
    dice = random.Random(form)
    for put in places.values():
        text = put(make(dice).text)
        cuts = sorted(dice.choices(range(len(text)), k=len(text) // 5))

        assert streamed(text, cuts) == REDACTOR.text(text)


@pytest.mark.abuse("H03")
@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_only_looks_like_a_secret_stays_however_it_is_cut(text: str) -> None:
    assert streamed(text, range(1, len(text))) == text
    assert [cut for cut in range(1, len(text), 7) if streamed(text, [cut]) != text] == []


ANCHORS = [anchor for rule in Finder().rules for anchor in rule.anchors]
SIGNS = ["=", ": ", " = ", '"', "'", '\\"', "\\n", "\n", " ", ",", "&", "?", "@", "://", "[REDACTED:x]", "[REDACTED:"]
SIGNS += [
    "-",
    "_",
    ".",
    "<",
    ">",
    "(",
    ")",
    "$",
    "{",
    "--",
    "\\",
    "%3D",
    "\x1b[0m",
    "é",
    "İ",
    "\ud800",
    "PRIVATE KEY-----",
]
WHOLE = [make(random.Random(form)).text for form, make in {**TOKENS, **PLACED}.items()]
FRAGMENTS = st.one_of(
    st.sampled_from(ANCHORS),
    st.sampled_from(SIGNS),
    st.sampled_from(WHOLE),
    st.sampled_from(LOOK_ALIKES),
    st.text(st.sampled_from("aZ09-_.+/= "), max_size=40),
)


@pytest.mark.req("X2")
@pytest.mark.abuse("H02")
@settings(max_examples=400)
@given(st.lists(FRAGMENTS, min_size=1, max_size=8), st.integers(1, 30), st.randoms(use_true_random=False))
def test_any_text_in_any_pieces_goes_like_the_whole(fragments: list[str], size: int, dice: random.Random) -> None:
    text = "".join(fragments)
    cuts = sorted(dice.choices(range(len(text) + 1), k=len(text) // size + 1))
    whole = REDACTOR.text(text)

    assert streamed(text, cuts) == whole
    assert REDACTOR.text(whole) == whole


@pytest.mark.abuse("H02")
@settings(max_examples=200)
@given(st.text("abKNOWN12 \n", max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_known_secrets_and_patterns_of_the_user_go_however_the_text_is_cut(text: str, cuts: list[int]) -> None:
    redactor = Redactor([("number", "[12]{2,}"), ("word", "^a+b")], [("known", "KNOWNKNOWN"), ("known", "KNOWN12bab")])

    assert streamed(text, sorted(cuts), redactor) == redactor.text(text)


def lags(text: str, size: int) -> list[int]:
    """How many characters are held back after each piece of clean text."""
    stream, came, left = REDACTOR.stream(), 0, 0
    found = []
    for at in range(0, len(text), size):
        came += len(text[at : at + size])
        left += len(stream.feed(text[at : at + size]))
        found.append(came - left)
    return found


@pytest.mark.req("X2")
@pytest.mark.parametrize("text", [CLEAN, PROSE], ids=["code", "prose"])
def test_clean_text_leaves_unchanged_and_at_once(text: str) -> None:
    held = sorted(lags(text[:40_000], 5))

    assert REDACTOR.text(text) == text
    assert streamed(text, range(0, len(text), 997)) == text
    assert held[len(held) // 2] <= 1
    assert held[len(held) * 9 // 10] <= 8
    assert held[-1] <= 160


ENDLESS = {
    "token": ("gh" + "p_", ALNUM),
    "jwt": ("ey" + "J" + "a1B2" * 8 + ".", ALNUM),
    "never a jwt": ("ey" + "J", ALNUM),
    "key": ("-----BEGIN RSA PRI" + "VATE KEY-----\n", BASE64),
    "password": ("PASSWORD=", ALNUM),
    "quoted": ('"password": "', ALNUM + " "),
    "escaped": ('\\"password\\": \\"', ALNUM),
    "cookie": ("Cookie: a=", ALNUM + "; "),
    "address": ("https://user:", ALNUM),
    "one letter": ("", "s"),
    "backslashes": ('"token": \\', "\\"),
    "spaces": ("token: ", " "),
    "placeholder": ("[REDACTED:", "a"),
}


@pytest.mark.abuse("H02")
@pytest.mark.parametrize("what", ENDLESS)
def test_what_is_held_back_stays_bounded_without_end(what: str) -> None:
    first, characters = ENDLESS[what]
    dice = random.Random(what)
    scan = Scan(Finder())
    scan.feed(first)

    most = 0
    for _ in range(400):
        scan.feed("".join(dice.choices(characters, k=100)))
        most = max(most, scan.held)

    assert most <= 2500


@pytest.mark.parametrize("what", ["token", "jwt", "key", "password", "quoted", "escaped", "cookie"])
def test_a_secret_without_end_leaves_its_placeholder_and_nothing_else(what: str) -> None:
    first, characters = ENDLESS[what]
    dice = random.Random(what)
    stream = REDACTOR.stream()

    out = stream.feed(first + "A1")
    out += "".join(stream.feed("".join(dice.choices(characters, k=50))) for _ in range(200))
    early = "[REDACTED:" in out
    out += stream.end()

    assert early
    assert len(out) < 60
    assert out.endswith("]")


def test_a_stream_that_is_over_can_begin_anew() -> None:
    stream = REDACTOR.stream()

    first = stream.feed("TOKEN") + stream.end()
    second = stream.feed("=abc12345678") + stream.end()

    assert first + second == "TOKEN=abc12345678"
