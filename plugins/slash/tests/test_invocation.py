"""Which prompts name a command."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_slash.invocation import Invocation, invocation_of


@pytest.mark.req("S11")
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("prompt", ["", "/", "/ x", "please /x", "\\/x", "\n/x a", "hello\n/x", "# x", "///x", "@/x"])
def test_other_text_names_no_command(prompt: str, strict: bool) -> None:
    assert invocation_of(prompt, strict=strict) is None


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("prompt", "name", "args"),
    [
        ("/x", "x", ""),
        ("/x a  b ", "x", "a  b"),
        ("/x a\nsecond", "x", "a\nsecond"),
        ("/x\na b", "x", "a b"),
        ("/x\ta", "x", "a"),
        ("/frontend:component a", "frontend:component", "a"),
        ("/usr/bin/env x", "usr/bin/env", "x"),
        ("/.hid", ".hid", ""),
        ("/größe 1", "größe", "1"),
    ],
)
def test_a_name_ends_at_the_first_whitespace_and_the_rest_is_its_arguments(
    prompt: str, name: str, args: str, strict: bool
) -> None:
    assert invocation_of(prompt, strict=strict) == Invocation(name, args)


@pytest.mark.parametrize("prompt", ["  /x a", "\t/x a", "//x a", " //x a"])
def test_blanks_and_a_second_slash_are_doors_in_the_default_profile_only(prompt: str) -> None:
    assert invocation_of(prompt, strict=False) == Invocation("x", "a")
    assert invocation_of(prompt, strict=False, doors=False) is None
    assert invocation_of(prompt, strict=True) is None


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_a_prompt_without_a_slash_ahead_is_never_one(prompt: str) -> None:
    if not prompt.lstrip(" \t").startswith("/"):
        assert invocation_of(prompt, strict=False) is None
