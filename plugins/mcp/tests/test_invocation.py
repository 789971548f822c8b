"""Which prompts name a server's prompt, and what its arguments get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_mcp.invocation import Invocation, MissingArgument, arguments_of, invocation_of

pytestmark = pytest.mark.req("M6")
GREET = [("name", True), ("style", False)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/mcp__s__greet Bob fancy", Invocation("mcp__s__greet", "Bob fancy")),
        ("/mcp__s__greet", Invocation("mcp__s__greet", "")),
        ("/mcp__s__greet\na b", Invocation("mcp__s__greet", "a b")),
        ("/s:greet (MCP) Bob", Invocation("s:greet (MCP)", "Bob", "s", "greet")),
        ("/s:greet Bob", None),
        ("/s:greet (MCP)x", None),
        ("please /mcp__s__greet", None),
        ("/help", None),
        ("", None),
    ],
)
def test_a_servers_prompt_is_named_as_in_claude_code(text: str, found: Invocation | None) -> None:
    assert invocation_of(text, strict=True) == found
    assert invocation_of(text, strict=False) == found


@pytest.mark.parametrize("text", [" /mcp__s__greet a", "//mcp__s__greet a", "\t//mcp__s__greet a"])
def test_the_default_profile_has_doors_beside_the_first_column(text: str) -> None:
    assert invocation_of(text, strict=False) == Invocation("mcp__s__greet", "a")
    assert invocation_of(text, strict=True) is None


@pytest.mark.parametrize(
    ("raw", "given"),
    [
        ("Bob fancy more words", {"name": "Bob", "style": "fancy"}),
        ("Bob    fancy", {"name": "Bob", "style": "fancy"}),
        ('"Bob Smith" z', {"name": '"Bob', "style": 'Smith"'}),
        ("style=z", {"name": "style=z"}),
    ],
)
def test_in_the_strict_profile_blanks_part_and_quotes_mean_nothing(raw: str, given: dict[str, str]) -> None:
    assert arguments_of(raw, GREET, "mcp__s__greet", strict=True) == given


@pytest.mark.parametrize(
    ("raw", "given"),
    [
        ("Bob fancy more words", {"name": "Bob", "style": "fancy"}),
        ('"Bob Smith" z', {"name": "Bob Smith", "style": "z"}),
        ('\'Bob Smith\' "the \\"z\\""', {"name": "Bob Smith", "style": 'the "z"'}),
        ("style=z Bob", {"style": "z", "name": "Bob"}),
        ('name="Bob Smith"', {"name": "Bob Smith"}),
        ("a=b", {"name": "a=b"}),
        ('it"s', {"name": 'it"s'}),
        (r"C:\work", {"name": r"C:\work"}),
    ],
)
def test_in_the_default_profile_quotes_hold_together_and_names_say_which(raw: str, given: dict[str, str]) -> None:
    assert arguments_of(raw, GREET, "mcp__s__greet", strict=False) == given


def test_a_prompt_with_one_argument_takes_the_whole_text() -> None:
    assert arguments_of("what is this", [("q", True)], "x", strict=False) == {"q": "what is this"}
    assert arguments_of("what is this", [("q", True)], "x", strict=True) == {"q": "what"}


@pytest.mark.parametrize("strict", [True, False])
def test_a_missing_argument_is_said_as_claude_code_says_it_with_the_optional_ones_marked_by_default(
    strict: bool,
) -> None:
    with pytest.raises(MissingArgument) as caught:
        arguments_of("", GREET, "mcp__s__greet", strict=strict)

    usage = "/mcp__s__greet name style" if strict else "`/mcp__s__greet <name> [style]`"
    assert str(caught.value) == f"Error: Missing required argument: name. Usage: {usage}"


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.booleans())
def test_any_text_gives_each_declared_argument_one_value_at_most(raw: str, strict: bool) -> None:
    given_ = arguments_of(raw, [("a", False), ("b", False), ("c", False)], "x", strict=strict)

    assert given_.keys() <= {"a", "b", "c"}
    assert all(value in raw or "\\" in raw or '"' in raw or "'" in raw for value in given_.values())
