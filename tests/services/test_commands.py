"""Of two commands with one name one answers, and everybody can see which."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from proxy.made_plugin import plugin

from codexplus_core import Command, CommandRow, Core, Exchange, LocalReply, Refusal, hookimpl
from codexplus_core.services.commands import Commands
from codexplus_core.testing import Harness


async def nothing(exchange: object, args: str) -> str:
    return args


def command(name: str = "fix", priority: int = 0) -> Command:
    return Command(name, priority=priority, expand=nothing)


@pytest.mark.req("S12")
@pytest.mark.parametrize(
    ("first", "second", "winner"), [(0, 0, "one"), (5, 1, "two"), (1, 5, "one")], ids=["order", "lower", "higher"]
)
def test_the_lower_priority_number_wins_and_then_the_plugins_order(first: int, second: int, winner: str) -> None:
    commands = Commands([("one", command(priority=first)), ("two", command(priority=second))])

    loser = {"one": "two", "two": "one"}[winner]
    assert [plugin for plugin, _ in commands] == [winner]
    assert commands.conflicts == [("fix", winner, loser)]
    assert commands.get("other") is None


def test_a_command_that_does_nothing_is_reported_and_left_out() -> None:
    reports: list[Any] = []

    commands = Commands([("one", Command("idle")), ("one", command(""))], lambda event, **more: reports.append(event))

    assert (len(commands), reports) == (0, ["command_unusable", "command_unusable"])


def provider(give: Callable[[Path | None], list[CommandRow]]) -> object:
    def start(core: Core) -> None:
        core.commands.provide(give)

    return plugin(on_startup=start)


@pytest.mark.req("S8")
async def test_a_listing_has_contributed_commands_and_those_that_a_project_provides() -> None:
    found = plugin(add_commands=lambda: [command("fix")])

    def files(project: Path | None) -> list[CommandRow]:
        return [CommandRow("fix"), CommandRow("own", "of this project", "[x]", "project", f"{project}/own.md")]

    async with Harness({"tools": found, "files": provider(files)}) as proxy:
        answer = await proxy.request("GET", "/_codexplus/commands?cwd=/somewhere")

    fix, own = json.loads(answer.body)
    assert (fix["name"], fix["source"]) == ("fix", "tools")
    assert own == {
        "name": "own", "description": "of this project", "argument_hint": "[x]", "scope": "project",
        "source": "/somewhere/own.md", "aliases": [], "replaces": False,
    }  # fmt: skip


async def test_a_project_that_cannot_be_listed_does_not_hide_the_other_commands() -> None:
    def broken(project: Path | None) -> list[CommandRow]:
        raise RuntimeError("no")

    async with Harness({"tools": plugin(add_commands=lambda: [command("fix")]), "files": provider(broken)}) as proxy:
        answer = await proxy.request("GET", "/_codexplus/commands")

    assert [row["name"] for row in json.loads(answer.body)] == ["fix"]
    assert [entry["plugin"] for entry in proxy.log.events("plugin_failed")] == ["files"]


async def test_a_plugin_can_hand_a_prompt_over_to_the_command_of_another() -> None:
    seen: list[str] = []

    async def answer(exchange: Exchange, args: str) -> LocalReply:
        exchange.state["mine"] = args
        return LocalReply(f"hooks: {args}")

    async def expand(exchange: Exchange, args: str) -> str:
        return f"say {args}"

    class Hands:
        core: Any = None

        @hookimpl
        def on_startup(self, core: Core) -> None:
            self.core = core

        @hookimpl
        async def on_request(self, exchange: Exchange) -> LocalReply | Refusal | None:
            made = await self.core.commands.call(*(exchange.prompt or "").split()[:1], exchange, "list")
            seen.append(str(exchange.state))
            return made  # type: ignore[no-any-return]

    class Brings:
        @hookimpl
        def add_commands(self) -> list[Command]:
            return [Command("hooks", answer=answer), Command("say", expand=expand)]

    async with Harness({"hands": Hands(), "brings": Brings()}) as proxy:
        answers = [await proxy.say(text) for text in ("hooks please", "say it", "other words")]

    assert answers[0].text == "hooks: list"
    assert [len(proxy.upstream.turns), seen] == [2, ["{}"] * 3]
    assert "say list" in json.dumps(proxy.upstream.turns[0].body["input"])


async def test_what_a_project_puts_in_the_place_of_a_command_is_listed_in_its_place() -> None:
    found = plugin(add_commands=lambda: [command("fix"), command("own")])

    def files(project: Path | None) -> list[CommandRow]:
        first = CommandRow("fix", source="first.md", replaces=True)
        return [first, CommandRow("fix", source="second.md", replaces=True), CommandRow("own"), CommandRow("new")]

    async with Harness({"it": found, "files": provider(files)}) as proxy:
        commands = proxy.app.core.commands
        rows = {row.name: row for row in await commands.listing(Path("/p"))}
        replaced = [await commands.replaced(name, Path("/p")) for name in ("fix", "own", "new", "none")]

    assert (rows["fix"].source, rows["own"].source) == ("first.md", "it")
    assert replaced == [True, False, False, False]
