"""Command files with a built-in's name: Claude Code's answer there, in its profile alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from slash_folders import prompt_at, proxy_in, write

STRICT = {"compatibility": "claude-code"}
SAYS = "BODY $ARGUMENTS"


@pytest.mark.req("S1")
@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.parametrize(
    "file",
    ["work/.claude/commands/help.md", "home/.claude/commands/help.md", "work/.claude/skills/help/SKILL.md"],
)
async def test_a_file_of_claude_codes_replaces_a_built_in_in_its_profile(
    file: str, transport: str, folders: Path
) -> None:
    write(folders / file, SAYS)

    async with proxy_in(folders, settings=STRICT, transport=transport) as proxy:
        await proxy.say("/help me")
        listed = await proxy.say("/plus help")

        assert prompt_at(proxy)[-1].endswith("BODY me") and len(proxy.upstream.turns) == 1
        short = file.replace("work/", "").replace("home/", "~/")
        assert f"- `/help`: `{short}` answers, the built-in does not." in listed.text


@pytest.mark.abuse("B17")
@pytest.mark.parametrize(
    ("file", "typed", "settings"),
    [
        ("work/.claude/commands/help.md", "/help", {}),
        ("home/.claude/commands/help.md", "/help", {}),
        ("work/.claude/commands/plus.md", "/plus", STRICT),
        ("work/.codexplus/commands/help.md", "/help", STRICT),
        ("work/.codexplus/commands/help.py", "/help", STRICT),
        ("work/.codex/commands/help.md", "/help", STRICT),
        ("work/.claude/commands/deep/help.md", "/help", STRICT),
    ],
)
async def test_all_others_leave_the_built_in_its_name(
    file: str, typed: str, settings: dict[str, str], folders: Path
) -> None:
    write(folders / file, SAYS)

    async with proxy_in(folders, settings=settings) as proxy:
        answer = await proxy.say(typed)

        assert answer.text and not proxy.upstream.turns


async def test_a_preview_shows_the_file_that_answers(folders: Path) -> None:
    write(folders / "work/.claude/commands/status.md", SAYS)

    async with proxy_in(folders, settings=STRICT) as proxy:
        answer = await proxy.say("/plus preview status now")
        other = await proxy.say("/plus preview version")

    assert "BODY now" in answer.text and "is built in" in other.text
