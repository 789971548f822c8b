"""docs/slash-built-ins.md says what the plugin does."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from codexplus_slash import cli
from codexplus_slash.builtins.commands import commands
from codexplus_slash.builtins.desk import Desk
from codexplus_slash.builtins.plus import HANDED_OVER
from codexplus_slash.projections import MOST
from codexplus_slash.sentences import LONGEST_S, MOST_CHARACTERS

TEXT = (Path(__file__).parents[3] / "docs/slash-built-ins.md").read_text(encoding="utf-8")


def test_every_built_in_is_in_the_table() -> None:
    named = {command.name for command in commands(Desk(os.environ, Path("/")))}

    assert named == set(re.findall(r"`/(\w+)", re.split(r"\n## ", TEXT)[0])) - {"NAME"}
    assert all(f"`/plus {name}`" in TEXT for name in HANDED_OVER)


def test_every_option_of_the_sub_command_is_in_its_table() -> None:
    parser = argparse.ArgumentParser()
    cli.configure(parser)
    (actions,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))

    for name, one in actions.choices.items():
        section = TEXT.split(f"### codex-plus commands {name}\n")[1].split("\n## ")[0].split("\n### ")[0]
        named = {word.split()[0] for word in re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)}
        given = {action.metavar if not action.option_strings else action.option_strings[-1] for action in one._actions}
        assert named == given - {"--help"}


def test_the_figures_are_the_codes() -> None:
    assert f"at most for {MOST_CHARACTERS} characters" in TEXT and LONGEST_S == 2
    assert f"At most {MOST} commands" in TEXT
