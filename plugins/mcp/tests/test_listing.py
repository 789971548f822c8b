"""What a listing looks like: one row a server in the chat, nothing in it that a server could forge."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence

import pytest

from codexplus_mcp.health import Found
from codexplus_mcp.listing import as_markdown, as_text, in_chat
from codexplus_mcp.row import Row

GOOD = Row(
    "s", "user", "stdio", "uvx mcp-time", "connected", tools=("a", "b"), prompts=("p",), resources=("r://x", "r://a b")
)
WAITS = Row(
    "w", "project", "http", "https://a.example/m", "needs approval", todo="codex-plus approvals allow --project /p"
)
LOGIN = Row("l", "user", "http", "https://b.example/m", "needs login", todo="codex-plus mcp auth l")


async def chat(rows: Sequence[Row], problems: Sequence[str] = ()) -> str:
    async def each() -> AsyncIterator[Row]:
        for row in rows:
            yield row

    return "".join([piece async for piece in as_markdown(each(), problems)])


@pytest.mark.req("M7")
async def test_the_chat_has_one_row_a_server_and_what_can_be_typed_below() -> None:
    said = await chat([GOOD, WAITS, LOGIN], ["x: is odd"])

    assert said == (
        "**MCP servers**\n\n"
        "- `s` (user, stdio `uvx mcp-time`): ✔ Connected, 2 tools, 2 resources, 1 prompt\n"
        "- `w` (project, http `https://a.example/m`): ⏸ Pending approval; "
        "allow it in a terminal with `codex-plus approvals allow --project /p`\n"
        "- `l` (user, http `https://b.example/m`): ⚠ Needs authentication; sign in with `/mcp auth l`\n"
        "\nPrompts: `/mcp__s__p`\n"
        '\nResources: `@s:r://x`, `@"s:r://a b"`\n'
        "\nTo correct:\n\n- x: is odd"
    )


@pytest.mark.abuse("G18")
async def test_nothing_that_a_repository_or_a_server_writes_makes_markdown_or_a_row_of_its_own() -> None:
    evil = "x\n- `fake` (user, stdio): ✔ Connected **now** [click](https://evil.example) \\ `"
    row = Row(evil, "project", "stdio", evil, "failed", detail=evil, origin=evil, problems=(evil,), tools=(evil,))

    said = await chat([row, Row("b", "project", "stdio", "", "broken", detail=evil, origin=evil)], [evil])

    lines = said.splitlines()
    # As many rows as there are servers and problems; a line of each one's words stays within backticks.
    assert [line for line in lines if "fake" in line] == [line for line in lines if line.startswith("- `")]
    assert len([line for line in lines if line.startswith("- `")]) == 4
    for line in lines:
        outside = re.sub(r"``.*?``(?!`)|`[^`]*`", "", line)
        assert not any(mark in outside for mark in ("[click]", "**now", "fake", "\\")), line


async def test_no_servers_say_how_to_begin() -> None:
    assert (await chat([])).startswith("No MCP servers are configured. `/mcp add NAME COMMAND`")


def test_a_terminal_is_told_what_to_do_below_each() -> None:
    assert as_text(Found((GOOD, WAITS, LOGIN))) == (
        "s: uvx mcp-time - ✔ Connected\n"
        "  user, stdio; 2 tools, 2 resources, 1 prompt\n"
        "w: https://a.example/m (HTTP) - ⏸ Pending approval\n"
        "  project, http\n"
        "  allow it in a terminal with: codex-plus approvals allow --project /p\n"
        "l: https://b.example/m (HTTP) - ⚠ Needs authentication\n"
        "  user, http\n"
        "  sign in with: codex-plus mcp auth l"
    )


def test_a_command_is_named_as_it_is_typed_where_it_is_read() -> None:
    assert in_chat("codex-plus mcp auth l") == "/mcp auth l"
    assert in_chat("codex-plus approvals list") == "codex-plus approvals list"
