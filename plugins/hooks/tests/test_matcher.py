"""Matchers mean the tools, sources and reasons that were recorded of Claude Code 2.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_hooks.matcher import matches, names_of, problem_of


@pytest.mark.req("H2")
@pytest.mark.parametrize("matcher", [
    "", "*", "Bash", "Read|Bash", "Read, Bash", "Read,Bash", " Bash ", "Read | Bash", "as.", "B*", "^Bash$", ".*",
    "^(?!Read).*", "^(?!Read|Write)", "Ba[s]h", "(?:Read|Bash)$", r"\w+", "Bas{1}h", "B.?sh", "(?=B).*h$",
])  # fmt: skip
def test_this_matcher_means_bash(matcher: str) -> None:
    assert matches(matcher, "Bash")
    assert problem_of(matcher) == ""


@pytest.mark.req("H2")
@pytest.mark.parametrize("matcher", [
    "bash", "Ba", "as", "Rea|Bas", "Read", "mcp__s", "Bash(echo:*)", "Bash(echo hi)", "^(?!Bash).*", "^as", "BASH",
    "Bash2", r"^\d", "|", ",",
])  # fmt: skip
def test_this_matcher_does_not_mean_bash(matcher: str) -> None:
    assert not matches(matcher, "Bash")


@pytest.mark.parametrize(
    "matcher", ["(?i)bash", "[", "(", r"(a)\1", "a(?!b)c", "(?<=a)b", "^(?!a)b|c", "\\", "x." * 600, "(?!Read"]
)
def test_what_is_no_pattern_never_fires_and_says_why(matcher: str) -> None:
    assert not matches(matcher, "Bash", "a", "c", "aa")
    assert problem_of(matcher)


def test_task_and_agent_are_one_tool() -> None:
    assert matches("Task", "Agent")
    assert matches("Agent", "Task")
    assert matches("^Ag", "Task")


def test_a_tool_may_have_further_names() -> None:
    assert matches("Edit", "MultiEdit", "Edit")
    assert not matches("Edit", "MultiEdit")


@pytest.mark.req("H2")
@pytest.mark.parametrize(
    ("matcher", "name", "means"),
    [
        ("mcp__memory__.*", "mcp__memory__create", True),
        ("mcp__.*__write.*", "mcp__files__write_file", True),
        ("mcp__memory", "mcp__memory__create", False),
        ("mcp__a__b", "mcp__a__b", True),
        (r"[^]", "x", True),
        (r"[]", "x", False),
        (r"a\-b", "a-b", True),
        (r"\/x", "/x", True),
        (r"\u0042ash", "Bash", True),
        (r"[[:alpha:]]", "[]", True),
        ("Notebook.*|Bash", "Bash", True),
    ],
)
def test_javascript_is_what_is_understood(matcher: str, name: str, means: bool) -> None:
    assert matches(matcher, name) is means


def test_events_say_what_their_matchers_are_held_against() -> None:
    assert names_of("PreToolUse", {"tool_name": "Bash"}) == ("Bash",)
    assert names_of("SessionStart", {"source": "startup"}) == ("startup",)
    assert names_of("SessionEnd", {"reason": "other"}) == ("other",)
    assert names_of("PreCompact", {"trigger": "auto"}) == ("auto",)
    assert names_of("PreToolUse", {}) == ()
    assert names_of("UserPromptSubmit", {"prompt": "x"}) is None
    assert names_of("Stop", {}) is None


def test_a_pattern_that_would_take_for_ever_elsewhere_is_answered_at_once() -> None:
    for matcher in ("(a+)+$", "^(?!x)(a+)+$", "^(?!(a+)+$)", "(.*)*(.*)*(.*)*!", "(?=(a*)*b)(a*)*c"):
        matches(matcher, "a" * 5000 + "!")


@given(st.text(max_size=60), st.text(max_size=40))
def test_no_matcher_and_no_name_raises(matcher: str, name: str) -> None:
    matches(matcher, name)
    problem_of(matcher)


@given(
    st.text(alphabet="()[]{}^$.*+?|\\!=<:aBd0u-", max_size=30), st.sampled_from(["Bash", "a", "mcp__a__b", "\ud800"])
)
def test_no_pattern_raises(matcher: str, name: str) -> None:
    matches(matcher, name)
