"""The core for sub-commands of plugins, without a proxy."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from codexplus_core import Action, ActionDenied, Argv, Command, Session, hookimpl, open_core
from codexplus_core.loader import load_plugins


class Greets:
    started = False

    @hookimpl
    def add_commands(self) -> list[Command]:
        return [Command("greet", "say hello", expand=lambda exchange, args: "hello")]

    @hookimpl
    def on_startup(self) -> None:
        self.started = True


@pytest.fixture
def greets(monkeypatch: pytest.MonkeyPatch) -> Greets:
    plugin = Greets()
    loaded = load_plugins("none", extra={"greets": plugin})
    monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: loaded)
    return plugin


def test_it_knows_settings_rules_and_commands_and_starts_no_plugin(
    private_home: Path, tmp_path: Path, greets: Greets
) -> None:
    (private_home / ".codexplus").mkdir(mode=0o700)
    (private_home / ".codexplus/settings.json").write_text(json.dumps({"permissions": {"deny": ["Bash(rm:*)"]}}))

    with open_core() as core:
        verdict = core.permissions.judge(Argv(("rm", "x")), session=Session(cwd=tmp_path))
        rows = asyncio.run(core.commands.listing(tmp_path))
        health = core.about.health
        with pytest.raises(ActionDenied):
            asyncio.run(core.run(Action("run", argv=("rm", "x"), source="test", cwd=tmp_path)))

    assert verdict.decision == "deny"
    assert [row.name for row in rows] == ["greet"]
    assert health == {} and not greets.started
