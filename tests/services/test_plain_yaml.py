"""YAML of somebody else's: what it says, or one exception that says what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_core import BadYaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: [1, 1.5, true, ~, text, 2024-01-01]", {"a": [1, 1.5, True, None, "text", "2024-01-01"]}),
        ("a: 0x10\nb: 1_000\nc: 0o17", {"a": 16, "b": 1000, "c": 15}),
        ("a: .nan\nb: -.inf", {"a": ".nan", "b": "-.inf"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    ],
)
def test_values_are_those_that_json_has(text: str, value: Any) -> None:
    assert read_yaml(text).value == value


def test_with_decimals_only_other_notations_are_texts() -> None:
    found = read_yaml("a: 0x10\nb: 1_000\nc: -12", decimal_only=True)

    assert found.value == {"a": "0x10", "b": "1_000", "c": -12}


def test_each_part_has_the_line_it_begins_on() -> None:
    found = read_yaml("a: 1\nb:\n  - x\n  - y\n", first_line=2)

    assert found.lines == {(): 2, ("a",): 2, ("b",): 3, ("b", 0): 4, ("b", 1): 5}


@pytest.mark.abuse("B15")
@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("a: b: c", {}, "is no YAML: mapping values are not allowed"),
        ("a: [", {"first_line": 7}, "in line 7"),
        ("%YAML 1.99999\na: b", {}, "is no YAML"),
        ("a: 1\na: 2", {}, "has the key 'a' twice in one mapping, again in line 2"),
        ("? [a]\n: b", {}, "has a key in line 1 that is no plain text"),
        ("a: {<<: {b: 1}}", {}, "has a key in line 1 that is no plain text"),
        ("a: !!python/object/apply:os.system [x]", {}, "tags are not read"),
        ("--- !!set\n? a", {}, "tags are not read"),
        ("a: !!binary aGk=", {}, "tags are not read"),
        ("a: &x [1]\nb: *x", {"aliases": False}, "repeats the value of line 1 by an alias"),
        ("a: &x [*x]", {}, "is nested more than 32 deep"),
        ("[" * 5000, {}, "is nested more than 32 deep"),
        ("? " * 20_000, {}, "is nested more than 32 deep"),
        ("a:\n b:\n  c: 1", {"depth": 2}, "is nested more than 2 deep"),
        ("# " + "[" * 65 + "\na: 1", {}, "or has more than 64 brackets open, those in texts counted"),
        ("a: [1, 2, 3]", {"nodes": 4}, "holds more than 4 values"),
        ("a: &x [1, 2]\nb: *x", {"nodes": 6}, "holds more than 6 values"),
    ],
)
def test_what_is_ambiguous_or_outsized_is_refused_in_words(text: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadYaml, match=said.replace("[", r"\[")):
        read_yaml(text, **given)


@pytest.mark.abuse("B15")
@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="ab1 :#-[]{}\"'|>&*!%@`?,.\n\t\\~\r\u2028é\ud83d_xTYAML", max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        found = read_yaml(text, nodes=50, depth=5, aliases=False)
    except BadYaml as bad:
        assert str(bad)
    else:
        assert found.value is None or found.lines


@pytest.mark.parametrize("text", [f"a: !{'x' * 50_000} 1", f"{'k' * 50_000}: 1\n{'k' * 50_000}: 2"])
def test_what_is_wrong_is_said_in_a_line_whatever_it_holds(text: str) -> None:
    with pytest.raises(BadYaml) as bad:
        read_yaml(text)

    assert len(str(bad.value)) < 200
