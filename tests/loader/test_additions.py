"""What plugins add at start: commands, sub-commands, files that init writes, routes and checks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from codexplus_core import Check, CheckResult, CliCommand, Command, InitStep, hookimpl
from codexplus_core.loader import Plugins, load_plugins

HOOKS = {
    "add_commands": Command("fix"),
    "add_cli": CliCommand("mcp", "MCP servers", run=lambda arguments: 0),
    "add_checks": Check("disk", lambda: CheckResult("ok", "enough")),
    "add_init_steps": InitStep("skills", lambda env: {}),
    "add_routes": SimpleNamespace(path="/metrics", endpoint=None),
}


def adding(hook: str, answer: Any, order: int = 50) -> Any:
    def add(self: Any) -> Any:
        return answer() if callable(answer) else answer

    return type("Adding", (), {"ORDER": order, hook: hookimpl(specname=hook)(add)})()


def loaded(**plugins: Any) -> Plugins:
    found = load_plugins("none", extra=plugins)
    assert [plugin.error for plugin in found.plugins] == [None] * len(plugins)
    return found


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_items_come_flat_in_order_with_the_name_of_their_plugin(hook: str) -> None:
    item = HOOKS[hook]

    found = loaded(late=adding(hook, [item], 2), early=adding(hook, [item, item], 1), silent=adding(hook, None))

    assert found.call_sync(hook) == [("early", item), ("early", item), ("late", item)]


def fails() -> Any:
    raise SystemExit(2)


@pytest.mark.parametrize("hook", sorted(HOOKS))
@pytest.mark.parametrize("answer", [fails, 7, "text", ["text"], [None]])
def test_a_plugin_that_adds_nonsense_is_reported_and_the_others_count(hook: str, answer: Any) -> None:
    item = HOOKS[hook]
    found = loaded(broken=adding(hook, answer), good=adding(hook, [item]))

    added = [found.call_sync(hook), found.call_sync(hook)]

    assert added == [[("good", item)]] * 2
    (warning,) = found.plugins[0].warnings
    assert warning.startswith(hook)


def test_the_good_items_of_a_list_count_besides_the_bad_ones() -> None:
    found = loaded(mixed=adding("add_commands", [Command("a"), "b", Command("c")]))

    assert [item.name for _, item in found.call_sync("add_commands")] == ["a", "c"]
    assert found.plugins[0].warnings == ["add_commands returned str where a Command is due; left out"]


def test_an_asynchronous_addition_is_reported() -> None:
    class Later:
        @hookimpl
        async def add_commands(self) -> list[Command]:
            return []

    found = loaded(later=Later())

    assert found.call_sync("add_commands") == []
    assert found.plugins[0].warnings == ["add_commands is async; make it a plain def that returns a list"]


def test_a_broken_plugin_adds_nothing() -> None:
    broken = type("Broken", (), {"add_commands": hookimpl(lambda self: [Command("x")]), "ORDER": "x"})()

    found = load_plugins("none", extra={"broken": broken})

    assert found.call_sync("add_commands") == []
