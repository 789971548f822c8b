"""docs/hooks.md says what the plugin does, and its examples are read as they are printed."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest
from hook_world import HookWorld

from codexplus_core import open_core
from codexplus_hooks import cli, command, desktop, grants, notification
from codexplus_hooks.events.notification import IDLE, PERMISSION, TURN_ENDED
from codexplus_hooks.settings import Hooks

TEXT = (Path(__file__).parents[3] / "docs/hooks.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.req("H3")
@pytest.mark.parametrize("example", range(len(EXAMPLES)))
def test_the_examples_are_read_without_a_warning(example: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    world.write("home/.codexplus/settings.json", EXAMPLES[example])

    with open_core({"HOME": str(world.home)}) as core:
        found = Hooks(core, env={}).of(world.project)

    assert found.warnings == ()
    assert {hook.event for hook in found.hooks} == set(json.loads(EXAMPLES[example])["hooks"])


def test_every_option_of_the_sub_commands_is_in_its_table() -> None:
    parser = argparse.ArgumentParser()
    cli.configure(parser)
    (actions,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))

    for name, one in actions.choices.items():
        section = TEXT.split(f"### codex-plus hooks {name}\n")[1].split("\n### ")[0].split("\n## ")[0]
        named = {word.split()[0] for word in re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)}
        given = {action.metavar if not action.option_strings else action.option_strings[-1] for action in one._actions}
        assert named == given - {"--help"}, name


def test_every_word_behind_the_slash_command_is_in_its_table() -> None:
    table = TEXT.split("\n## /hooks\n")[1].split("\n## ")[0]

    words = set(re.findall(r"`/hooks ([a-z]+)", table))

    assert words == set(command._HANDLERS) - {""}
    assert all(f"`/hooks {word}" in command.USAGE for word in words - {"list", "help"})


def test_the_kinds_of_notification_are_the_codes() -> None:
    table = TEXT.split("\n## Notifications\n")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", table, re.MULTILINE)) - {"notification_type"} == {
        PERMISSION, TURN_ENDED, IDLE,
    }  # fmt: skip
    assert f"| `{IDLE}` | {notification.IDLE_S:g} seconds later" in table
    assert f"at most {desktop.TITLE}\ncharacters and a text {desktop.TEXT};" in table
    assert f"At most {desktop.MOST} are shown within {desktop.WITHIN_S:g} seconds" in table


def test_the_default_timeout_is_the_codes() -> None:
    assert f"| `timeout` | {grants.DEFAULT_SECONDS:g} | seconds |" in TEXT
