"""What judging costs: counted in calls, so that no clock is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import PurePosixPath
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.permissions.rules import rules, shell

from codexplus_core.services.permissions import Layer, RuleSet
from codexplus_core.services.permissions.command_pattern import MOST_STARS
from codexplus_core.services.permissions.path_index import PathIndex
from codexplus_core.services.permissions.paths import PathPattern, Place
from codexplus_core.services.permissions.ruleset import MOST_RULES


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called before ``work`` returns."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.abuse("D11")
@pytest.mark.parametrize(
    ("found", "text"),
    [
        (rules(allow=["Bash(a * b * c * d)"]), "a {x b c }z"),
        (rules(allow=["Bash(a " + "* x " * MOST_STARS + "y)"]), "a {x }z"),
        (rules(deny=["Bash(rm -rf x:*)"] * 20), "sh -c '{rm -f y; }z'"),
        (rules(deny=["Read(secrets/key.txt)"] * 20), "cp -r {secrets/k secrets x/secrets }z"),
        (rules(deny=["Read(//elsewhere/secrets)"] * 20), "cat {secrets a/secrets }z"),
        (rules(deny=["Read(~/.ssh/id)"] * 20), "tool {-aaaaaaaaaaaaaaaaaaaaaaaaaaa=b,c;d }z"),
        (rules(deny=["Edit(docs/**)"] * 20), "python3 {docs=x,docx }z"),
    ],
)
def test_twice_as_long_a_command_costs_at_most_three_times_as_much(found: RuleSet, text: str) -> None:
    begin, _, rest = text.partition("{")
    piece, _, end = rest.partition("}")
    short, long = (f"{begin}{piece * times}{end}" for times in (50, 100))
    # What was judged once is remembered.
    found.judge(shell(f"{short} "))

    first, second = (calls_of(lambda text=text: found.judge(shell(text))) for text in (short, long))  # type: ignore[misc]

    assert second < 3 * first + 1000


@pytest.mark.abuse("D11")
def test_a_project_has_so_many_rules_that_judging_stays_quick() -> None:
    layers = [
        Layer(f"settings.json:{line}", False, deny=(f"Bash(p{line}:*)",), ask=("Bash(x:*)",)) for line in range(9000)
    ]
    found = RuleSet([Layer("user", True, allow=("Bash",), deny=("Bash(mine:*)",)), *layers])

    assert len(found.rules["deny"]) == MOST_RULES + 1
    assert len(found.rules["ask"]) == MOST_RULES
    assert [(entry.source, entry.key) for entry in found.ignored] == [
        (f"settings.json:{MOST_RULES}", "ask"),
        (f"settings.json:{MOST_RULES}", "deny"),
    ]
    assert "so are all that follow" in str(found.ignored[0])
    assert found.judge(shell("mine")).decision == "deny"
    assert found.judge(shell("p499")).decision == "deny"
    assert found.judge(shell("p500")).decision == "allow"


def test_the_rules_of_a_user_and_of_an_administrator_are_all_kept() -> None:
    many = tuple(f"Bash(p{number}:*)" for number in range(2 * MOST_RULES))
    found = RuleSet([Layer("user", True, deny=many), Layer("policy", False, deny=many, enterprise=True)])

    assert len(found.rules["deny"]) == 2 * len(many)
    assert found.ignored == ()


@pytest.mark.abuse("D11")
def test_where_comparing_names_with_rules_would_take_long_a_denying_rule_denies() -> None:
    deny = [f"Read(//elsewhere{number}/secret)" for number in range(400)]
    words = [f"x{number}/secret" for number in range(250)]

    verdict = rules(allow=["Bash"], deny=deny).judge(shell("cat " + " ".join(words)))

    assert verdict.decision == "deny"
    assert rules(allow=["Bash"], deny=deny[:20]).judge(shell("cat " + " ".join(words))).decision == "allow"


PARTS = ["a", "b", "A", ".env", "env~1", "..", ".", "a.", "b:c", "*", "?", "", "~", "\u212aey", "e\u0301", "a b"]
PATTERNS = [
    "a",
    ".env",
    "key",
    "b/a",
    "a/**",
    "**/b",
    "//a/b",
    "~/a",
    "../b",
    "*.v",
    "a*/b",
    "/a",
    "**",
    "..",
    "\u00e9",
]


@given(st.lists(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join), max_size=6), st.data())
def test_the_index_leaves_out_no_name_that_a_rule_is_about(names: list[str], data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(PATTERNS))
    cwd = data.draw(st.sampled_from(["", "/", "/home/me", "/a/b"]))
    home = data.draw(st.sampled_from([None, PurePosixPath("/home/me")]))
    pattern = PathPattern(rule, home=home, root=home)
    index = PathIndex(names, cwd)

    found = set(index.may_mean(pattern.last))
    through = {name for part in pattern.leading or ("",) for name in index.may_be_called(part)}

    for name in names:
        assert name in found or not pattern.touches(Place(name, None, cwd))
        assert name in through or not pattern.leads_through(Place(name, None, cwd))
