"""What a command in code says of itself, read without running it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_slash.code_description import Described, describe

PIECES = st.sampled_from(
    ["'", '"', "`", "/*", "*/", "/**", "//", "\\", "\n", "[", "]", "{", "}", "(", ")", ",", ";", "=", "$", ".", " ",
     "1", "exports", "description", "allowedTools", "export const", "'a'", "#!"]
)  # fmt: skip


def test_a_javascript_file_is_described_by_what_it_exports() -> None:
    found = describe(
        "javascript",
        "/**\n * Look at a branch.\n * In detail.\n */\n"
        "module.exports = (args) => { const description = 'not this one'; return description; };\n"
        "module.exports.argumentHint = '[branch]';\n"
        "exports.allowedTools = ['Bash(git diff:*)', \"Read\"];\n"
        "module.exports.permissions = ['read_repo', 'run:git']; // git looks at files\n"
        "exports.timeout = 60\n",
    )

    assert found == Described(
        "Look at a branch.", "[branch]", ("Bash(git diff:*)", "Read"), ("read_repo", "run:git"), timeout=60.0
    )


def test_an_es_module_is_described_by_its_constants() -> None:
    found = describe(
        "javascript",
        "import fs from 'node:fs';\nexport const description = `Caf\\u00e9`;\n"
        'export const argument_hint = "[x]"\nexport default async (args) => "";\n',
    )

    assert (found.description, found.argument_hint) == ("Café", "[x]")


def test_a_python_file_is_described_by_its_names_and_docstrings() -> None:
    found = describe(
        "python",
        "'''Of the file.'''\nALLOWED_TOOLS = 'Bash(git log:*, x), Read'\n"
        "async def command(args):\n    '''Of the function.\n\n    More.'''\ncommand.argument_hint = '[x]'\n"
        "command.permissions = ('net',)\n",
    )

    assert found == Described("Of the function.", "[x]", ("Bash(git log:*, x)", "Read"), ("net",))


def test_what_is_said_outweighs_the_docstring() -> None:
    assert describe("python", "'''a'''\ndescription = 'b'").description == "b"
    assert describe("javascript", "/** a */\nexports.description = 'b'").description == "b"


@pytest.mark.parametrize(
    ("kind", "source", "problem"),
    [
        ("javascript", "exports.description = pick()", "line 1: description is no literal"),
        ("javascript", "\nexports.description = `a ${b}`", "line 2: description is no literal"),
        ("javascript", "exports.allowedTools = ['a' 'b']", "line 1: allowedTools is no literal"),
        ("javascript", "exports.timeout = 'soon'", "timeout: expected a number of seconds"),
        ("python", "description = f()", "line 1: description is no literal"),
        ("python", "timeout = -1", "timeout: expected a number of seconds"),
        ("python", "permissions = [1]", "permissions: expected texts"),
        ("python", "def command(args)\n  pass", "line 1: expected ':'"),
    ],
)
def test_what_cannot_be_known_without_running_is_a_problem(kind: str, source: str, problem: str) -> None:
    (found,) = describe("python" if kind == "python" else "javascript", source).problems

    assert found.startswith(problem)


@pytest.mark.abuse("B16")
@given(st.lists(PIECES, max_size=60).map("".join))
def test_no_text_is_too_odd_to_be_read(source: str) -> None:
    describe("javascript", source)
    describe("python", source)


@pytest.mark.parametrize(
    "source",
    ["/*" * 60_000, "'a'," * 40_000, "exports.allowedTools = [" + "'a' " * 40_000, "`" * 99_999, "((" * 60_000],
)
@pytest.mark.abuse("B16")
def test_a_long_and_hostile_text_is_gone_through_once(source: str) -> None:
    assert describe("javascript", source).description == ""
