"""/help: every command, where it comes from, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codexplus_core import Command, CommandRow, Core, hookimpl
from codexplus_core.testing import Harness

Start = Callable[..., Harness]


class Other:
    """A plugin with a command and with a source of further ones."""

    ORDER = 60

    @hookimpl
    def add_commands(self) -> list[Command]:
        return [
            Command("deploy", "ship `it`", "ENV", expand=lambda exchange, args: "deploy"),
            Command("help", "mine", expand=lambda exchange, args: "no"),
        ]

    @hookimpl
    def on_startup(self, core: Core) -> None:
        core.commands.provide(lambda project: [CommandRow("mcp__git__log", "the log", "N", "mcp", "server git")])


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.req("S8")
async def test_help_lists_every_command_with_scope_description_hint_and_source(transport: str, start: Start) -> None:
    async with start(transport, others={"other": Other()}) as proxy:
        answer = await proxy.say("/help")

    lines = answer.text.splitlines()
    assert "- `/fix [number]`: Fix `*an*` issue (project, `.claude/commands/fix.md`)" in lines
    assert (
        "- `/frontend:component`: Make $ARGUMENTS (project:frontend, `.claude/commands/frontend/component.md`)" in lines
    )
    assert "- `/notes`: Take notes about $ARGUMENTS (user, `~/.claude/commands/notes.md`)" in lines
    assert "- `/deploy ENV`: ship `it` (plugin, `other`)" in lines
    assert "- `/mcp__git__log N`: the log (mcp, `server git`)" in lines
    assert lines.index("**Built in**") < next(at for at, line in enumerate(lines) if line.startswith("- `/plus "))
    assert proxy.upstream.turns == []


@pytest.mark.req("S8")
async def test_help_names_the_file_that_a_module_hides(place: Path, start: Start) -> None:
    module = place / "home/.codexplus/modules/notes_module.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "class Notes:\n"
        "    def can_handle(self, command, args):\n        return command == '/notes'\n"
        "    def mutate_prompt(self, prompt, args):\n        return 'x'\n\n"
        "def create_module():\n    return Notes()\n"
    )
    async with start() as proxy:
        answer = await proxy.say("/help notes")

    hidden = "- `/notes`: `~/.codexplus/modules/notes_module.py` answers, `~/.claude/commands/notes.md` does not."
    assert hidden in answer.text.splitlines()


@pytest.mark.req("S8")
async def test_help_names_what_is_not_reached(start: Start) -> None:
    async with start(others={"other": Other()}) as proxy:
        answer = await proxy.say("/help")

    lines = answer.text.splitlines()
    assert "- `/fix`: `.claude/commands/fix.md` answers, `~/.claude/commands/fix.md` does not." in lines
    assert "- `/help`: the built-in answers, `~/.claude/commands/help.md` does not." in lines
    assert "- `/help`: the plugin slash answers, the plugin other does not." in lines


@pytest.mark.parametrize(
    ("pattern", "there", "not_there"),
    [("fix", "/fix", "/notes"), ("*:comp*", "/frontend:component", "/fix"), ("NOTES", "/notes", "/fix")],
)
async def test_a_pattern_narrows_it_down(pattern: str, there: str, not_there: str, start: Start) -> None:
    async with start() as proxy:
        answer = await proxy.say(f"/help {pattern}")

    assert there in answer.text and not_there not in answer.text


async def test_a_pattern_that_fits_nothing_says_so(start: Start) -> None:
    async with start() as proxy:
        answer = await proxy.say("/help nothing*")

    assert answer.text == "No command fits `nothing*`. `/help` lists all of them."


@pytest.mark.req("P10")
async def test_for_a_screen_reader_it_is_in_sentences(start: Start) -> None:
    async with start(settings={"accessibility": True}) as proxy:
        answer = await proxy.say("/help fix")

    assert "/fix [number]: Fix *an* issue (project, .claude/commands/fix.md)." in answer.text.splitlines()
    assert "`" not in answer.text and "**" not in answer.text


async def test_a_hostile_description_does_nothing_to_the_screen(start: Start, place: Path) -> None:
    (place / "project/.claude/commands/evil.md").write_text(
        '---\ndescription: "# a\\e[2Jb\\u202Ec `x` [l](http://e) <b>"\n---\nx', encoding="utf-8"
    )
    async with start() as proxy:
        answer = await proxy.say("/help evil")

    (line,) = [line for line in answer.text.splitlines() if "/evil" in line]
    assert "\x1b" not in line and "\u202e" not in line
    assert "`x` `[l](http://e)` `<b>`" in line
