"""The user's own patterns: used in linear time, or left out with a word about why."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from codexplus_core.services.redact import Redactor, UserPattern
from codexplus_core.services.redact.patterns import MAX_LINE


@pytest.mark.req("X2")
def test_what_a_pattern_matches_goes_by_its_kind() -> None:
    redactor = Redactor([("employee", r"\bE-[0-9]{6}\b"), ("customer", r"(?i)cust_[a-z]{4}")])

    assert redactor.problems == ()
    assert (
        redactor.text("E-123456 met CUST_abcd and cust_é") == "[REDACTED:employee] met [REDACTED:customer] and cust_é"
    )
    assert redactor.value({"n": "é E-123456\n"}) == {"n": "é [REDACTED:employee]\n"}


@pytest.mark.abuse("H12")
@pytest.mark.parametrize(
    ("kind", "pattern", "why"),
    [
        ("open", "(a", "missing"),
        ("look", "(?=a)b", "(?="),
        ("back", r"(a)\1", "1"),
        ("large", "(?:a{1000}){1000}", "repetition"),
        ("", "a", "kind"),
        ("Two Words", "a", "kind"),
        ("a]", "a", "kind"),
        ("empty", "", "1 to 1000"),
        ("long", "a" * 1001, "1 to 1000"),
        ("odd", "\ud800", "no valid text"),
        ("number", 5, "1 to 1000"),
        (None, "a", "kind"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named_and_left_out(kind: Any, pattern: Any, why: str) -> None:
    redactor = Redactor(
        [UserPattern(kind, pattern, "~/.codexplus/settings.json: redact.patterns[0]"), ("good", "x{3}")]
    )

    assert len(redactor.problems) == 1
    assert redactor.problems[0].startswith("~/.codexplus/settings.json: redact.patterns[0]: ")
    assert why in redactor.problems[0]
    assert redactor.text("a xxx") == "a [REDACTED:good]"


def test_without_the_engine_patterns_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)

    redactor = Redactor([("number", "[0-9]{4}")])

    assert "google-re2" in redactor.problems[0]
    assert redactor.text("1234") == "1234"


def test_nothing_is_written_anywhere_for_a_bad_pattern(capfd: pytest.CaptureFixture[str]) -> None:
    Redactor([("open", "(a"), ("large", "((a{100}){100}){100}")])

    assert capfd.readouterr() == ("", "")


@pytest.mark.abuse("H12")
def test_a_pattern_that_would_never_end_elsewhere_ends() -> None:
    redactor = Redactor([("evil", "(a+)+$"), ("evil", "(a|aa)+$"), ("evil", "(.*)*x")])

    assert redactor.text("a" * 5000 + "b") == "a" * 5000 + "b"


def test_a_pattern_sees_one_line_at_a_time() -> None:
    redactor = Redactor([("line", "^top .*$"), ("across", "a\\sb")])

    assert redactor.text("top one\nx top\na\nb a b") == "[REDACTED:line]\nx top\na\nb [REDACTED:across]"


def test_a_pattern_that_matches_nothing_in_particular_changes_nothing() -> None:
    assert Redactor([("any", "a*")]).text("bab") == "b[REDACTED:any]b"


def test_placeholders_are_no_text_to_a_pattern() -> None:
    redactor = Redactor([("word", "[A-Z]{8}"), ("all", "secret .*$")])
    once = redactor.text("ABCDEFGH PASSWORD=hunter2! and secret PASSWORD=hunter2! x")

    assert once == "[REDACTED:word] [REDACTED:word]=[REDACTED:password] and [REDACTED:all]"
    assert redactor.text(once) == once


def test_a_line_without_end_is_looked_at_in_parts() -> None:
    redactor = Redactor([("number", "[0-9]{4}")])
    line = "word 1234 " * (MAX_LINE // 5)
    stream = redactor.stream()

    out = [stream.feed(line[at : at + 1000]) for at in range(0, len(line), 1000)]
    early = len("".join(out))
    out.append(stream.end())

    assert "".join(out) == redactor.text(line) == line.replace("1234", "[REDACTED:number]")
    assert early > len(line) - 2 * MAX_LINE


def test_a_line_leaves_when_it_is_whole() -> None:
    stream = Redactor([("number", "[0-9]{4}")]).stream()

    assert stream.feed("a 12") == ""
    assert stream.feed("34 b\nnext") == "a [REDACTED:number] b\n"
    assert stream.end() == "next"
