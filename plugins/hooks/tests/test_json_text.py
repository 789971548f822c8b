"""A JSON text is changed in one place, and every other byte stays."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_hooks.json_text import CannotChange, JsonText

ODD = """{
    "permissions": {"allow": ["Bash(ls:*)",   "Read"], "deny": []},
    "hooks": {
        "Stop": [ {"hooks": [{"type": "command", "command": "say \\"done\\", { [ }"}]} ]
    },
    "n": 1.50
}
"""

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)


def test_a_new_member_leaves_the_rest_as_it_was_written() -> None:
    text = JsonText(ODD)

    text.put(("hooks", "PreToolUse"), [{"command": "é"}])

    before, after = ODD.split("\n    },\n")
    assert text.text.startswith(before + ',\n        "PreToolUse": [\n            {\n')
    assert text.text.endswith("\n    },\n" + after) and '"command": "é"' in text.text


def test_an_item_goes_into_a_list_on_one_line_and_out_of_it() -> None:
    text = JsonText(ODD)

    text.put(("permissions", "allow", 2), "Edit")
    text.drop(("permissions", "allow", 0))
    text.put(("permissions", "deny", 0), "Bash(rm:*)")

    assert '"allow": ["Read", "Edit"]' in text.text
    assert text.data["permissions"]["deny"] == ["Bash(rm:*)"]
    text.drop(("permissions", "deny", 0))
    text.drop(("permissions", "allow", 1))
    assert '"allow": ["Read"], "deny": []' in text.text


def test_what_was_put_in_can_be_taken_out_without_a_trace() -> None:
    text = JsonText(ODD)

    text.put(("hooks", "Stop", 1), {"hooks": []})
    text.put(("x",), 1)
    text.drop(("x",))
    text.drop(("hooks", "Stop", 1))

    assert text.text == ODD


def test_line_ends_and_tabs_are_kept() -> None:
    text = JsonText('{\r\n\t"a": 1\r\n}\r\n')

    text.put(("b",), {"c": [1]})

    assert text.text == '{\r\n\t"a": 1,\r\n\t"b": {\r\n\t\t"c": [\r\n\t\t\t1\r\n\t\t]\r\n\t}\r\n}\r\n'


def test_an_empty_file_becomes_an_object() -> None:
    text = JsonText("")

    text.put(("a",), [1])

    assert text.text == '{\n  "a": [\n    1\n  ]\n}\n'


def test_lines_are_counted_from_one() -> None:
    text = JsonText(ODD)

    assert [text.line_of(("hooks",)), text.line_of(("hooks", "Stop", 0)), text.line_of(("n",))] == [3, 4, 6]


@pytest.mark.parametrize("text", ["[1]", "{", "nonsense", '{"a": 1} // no', "[" * 5000])
def test_what_is_no_object_is_not_touched(text: str) -> None:
    with pytest.raises(CannotChange):
        JsonText(text)


@pytest.mark.parametrize("path", [("b", "c"), ("a", "b"), ("a", 0)])
def test_a_place_that_is_not_there_is_an_error(path: tuple[str | int, ...]) -> None:
    text = JsonText('{"a": 1}')

    with pytest.raises(CannotChange):
        text.put(path, 1)
    with pytest.raises(CannotChange):
        text.drop(path)
    assert text.text == '{"a": 1}'


@given(objects, st.text(max_size=4), values, st.sampled_from([None, 2, "\t"]))
def test_whatever_is_put_in_is_there_and_nothing_else_changes(
    data: dict[str, Any], key: str, value: Any, indent: int | str | None
) -> None:
    text = JsonText(json.dumps(data, indent=indent, ensure_ascii=False))

    text.put((key,), value)

    assert text.data == {**data, key: value}
    assert list(text.data)[: len(data)] == list(data)


@given(objects, st.data(), st.sampled_from([None, 2]))
def test_whatever_is_taken_out_is_gone_and_nothing_else_changes(
    data: dict[str, Any], choose: st.DataObject, indent: int | None
) -> None:
    paths = list(places(data))
    if not paths:
        return
    path = choose.draw(st.sampled_from(paths))
    text = JsonText(json.dumps(data, indent=indent))
    expected = copy.deepcopy(data)
    parent: Any = expected
    for step in path[:-1]:
        parent = parent[step]
    del parent[path[-1]]

    text.drop(path)

    assert text.data == expected


def places(value: Any, above: tuple[str | int, ...] = ()) -> Any:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*above, key)
        yield from places(inner, (*above, key))
