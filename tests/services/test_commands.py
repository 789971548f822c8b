"""Of two commands with one name one answers, and everybody can see which."""

from __future__ import annotations

from typing import Any

import pytest

from codexplus_core import Command
from codexplus_core.services.commands import Commands


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
