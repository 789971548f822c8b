"""Deny rules are found in whatever is left of a file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.config.rescue import KEYS, REACH, deny_rules

RULES = ["Bash(rm:*)", "Read(./.env)", "Read(secrets/**)", "WebFetch(domain:evil.example)", "Edit", "mcp__server"]


@pytest.mark.req("X3")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"permissions": {"deny": ["A", "B"', ["A", "B"]),
        ('{"permissions": {"deny": ["A", "B(x)', ["A", "B(x)"]),
        ('{"deny": ["A" "B"]}', ["A", "B"]),
        ('{"deny": ["A", // one\n /* two */ "B",]}', ["A", "B"]),
        ("{'deny': ['A', 'B']}", ["A", "B"]),
        ("{deny: [A, Bash(rm:*), 'B']}", ["A", "Bash(rm:*)", "B"]),
        ('{"deny": "A"}', ["A"]),
        ('{"deny": ["A", "ask": ["B"]}', ["A"]),
        ('{"deny": {"x": 1}}', []),
        ('{"deny": ["A"], "deny": ["B"]}', ["A", "B"]),
        ('{"x": "deny", "denyList": ["A"], "not.deny": ["B"]}', []),
        ('{"deny":\n[\n"A"\n', ["A"]),
        (r'{"deny": ["Bash(echo \"x\":*)"', []),
        (r'{"deny": ["Read(C:\\x)"', [r"Read(C:\x)"]),
        ("permissions:\n  deny:\n    - A\n    - 'B'\n    # c\n    - Read(x)  # why\n  ask: [\n", ["A", "B", "Read(x)"]),
        ("permissions:\n  deny:\n  - A\n  - B\nmodel: [\n", ["A", "B"]),
        ("permissions:\n\tdeny:\n\t\t- A\n", ["A"]),
        ("deny: [A,\n  B\n", ["A", "B"]),
        ("deny:\n", []),
        ("", []),
    ],
)
def test_a_rule_behind_deny_is_found(text: str, found: list[str]) -> None:
    assert deny_rules(text) == found


@given(st.lists(st.sampled_from(RULES), min_size=1, unique=True), st.data())
def test_no_rule_that_is_whole_is_lost_by_a_cut(rules: list[str], data: st.DataObject) -> None:
    text = json.dumps({"model": "x", "permissions": {"allow": ["Bash"], "deny": rules}, "env": {}}, indent=2)
    cut = data.draw(st.integers(0, len(text)))

    found = deny_rules(text[:cut])

    start = text.index('"deny": [') + len('"deny": [')
    whole = [rule for rule in rules if text.index(json.dumps(rule), start) + len(rule) + 2 <= cut]
    assert found[: len(whole)] == whole
    assert set(found) - set(whole) <= {*(text[:cut].rpartition('"')[2:])}


@given(st.text(alphabet="deny:[]{}\"'-,#/*\\ \n\tAB()", max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    assert all(isinstance(rule, str) for rule in deny_rules(text))


@pytest.mark.parametrize(
    "piece",
    [
        '"deny": [',
        '"deny":',
        "deny:\n- A\n",
        '"deny": ["',
        "/*",
        "deny: [A,",
        '\\"',
        "#",
        "deny: ",
        "deny:\n",
        "deny: [(",
        "deny:\n- (\n",
        "deny: [A\n" + "B " * 90,
        '"deny": "',
        '"deny": [\n',
    ],
)
def test_a_megabyte_of_anything_is_scanned_in_bounds(piece: str) -> None:
    assert len(deny_rules(piece * (300_000 // len(piece)))) <= 500


class Counted(str):
    """A text that counts what is cut out of it and looked up in it, one character at a time."""

    looks = 0

    def __getitem__(self, at: Any) -> str:
        Counted.looks += 1
        return super().__getitem__(at)


@pytest.mark.abuse("F09")
@pytest.mark.parametrize("head", ['"deny":[ //', "deny: [ ", "deny:\n"])
@pytest.mark.parametrize("tail", [",", "\n", "- x\n", "'", "(", "/*,"])
def test_lists_within_lists_are_not_looked_at_again_and_again(head: str, tail: str) -> None:
    text = Counted(head * KEYS + "\n" + (tail * REACH)[:REACH])
    Counted.looks = 0

    deny_rules(text)

    assert Counted.looks < 8 * REACH
