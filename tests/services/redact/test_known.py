"""Secrets that are known by their value."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from codexplus_core.services.redact import Redactor

ODD = 'p"w\\é/&+ end'


@pytest.mark.req("X2")
@pytest.mark.abuse("A23")
def test_a_known_value_goes_without_looking_like_a_secret() -> None:
    redactor = Redactor(secrets=[("proxy-token", "quite-a-plain-value")])

    assert (
        redactor.text("http://127.0.0.1:3000/quite-a-plain-value/v1")
        == "http://127.0.0.1:3000/[REDACTED:proxy-token]/v1"
    )
    assert redactor.value({"url": ["xquite-a-plain-valuex"]}) == {"url": ["x[REDACTED:proxy-token]x"]}


@pytest.mark.abuse("A23")
def test_a_known_value_goes_as_json_and_as_an_address_spell_it() -> None:
    redactor = Redactor(secrets=[("odd", ODD)])

    for spelled in (ODD, json.dumps(ODD), json.dumps(ODD, ensure_ascii=False), quote(ODD, safe="")):
        assert redactor.text(f"a {spelled} b").strip('"').replace('"', "") == "a [REDACTED:odd] b"


def test_a_value_that_is_too_short_is_not_looked_for() -> None:
    assert Redactor(secrets=[("short", "true")]).text("it is true") == "it is true"
    assert Redactor(secrets=[("short", "abcd")], min_length=4).text("x abcd") == "x [REDACTED:short]"


def test_the_longer_of_two_values_wins() -> None:
    redactor = Redactor(secrets=[("short", "abcdefgh"), ("long", "abcdefghijkl")])

    assert redactor.text("abcdefgh abcdefghijkl") == "[REDACTED:short] [REDACTED:long]"


def test_a_value_that_placeholders_are_made_of_leaves_them_whole() -> None:
    redactor = Redactor(secrets=[("known", "password"), ("known", "REDACTED")])

    assert redactor.text("PASSWORD=hunter2!") == "PASSWORD=[REDACTED:password]"


def test_more_secrets_make_another_redactor() -> None:
    first = Redactor([("number", "[0-9]{4}")])
    second = first.with_secrets(("a", "value-one"), ("b", "value-two"))
    third = second.with_secrets(("c", "value-three"))

    assert first.text("value-one 1234") == "value-one [REDACTED:number]"
    assert second.text("value-one value-two value-three 1234") == (
        "[REDACTED:a] [REDACTED:b] value-three [REDACTED:number]"
    )
    assert third.text("value-one value-three") == "[REDACTED:a] [REDACTED:c]"


def test_a_known_value_in_pieces_is_held_no_longer_than_it_may_be_one() -> None:
    stream = Redactor(secrets=[("known", "some-known-value")]).stream()

    assert stream.feed("it is some-kn") == "it is "
    assert stream.feed("ob, and some-known-") == "some-knob, and "
    assert stream.feed("value.") == "[REDACTED:known]."
    assert stream.end() == ""
