"""The hooks plugin as an installed distribution."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

import pytest
from hook_folders import events, hooked_proxy, noting, own_hooks

from codexplus_core import hookimpl
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_hooks.notification import Notifications
from codexplus_hooks.plugin import HooksPlugin


@pytest.mark.req("D2")
def test_the_installed_distribution_offers_the_plugin_under_its_short_name() -> None:
    (entry,) = entry_points(group="codexplus.plugins", name="hooks")

    plugin = entry.load()

    assert plugin.__name__ == "codexplus_hooks.plugin"
    assert plugin.ORDER == 20
    assert entry.dist is not None
    assert entry.dist.name == "codex-plus-hooks"


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_it_loads_and_leaves_a_turn_as_it_is(transport: Literal["http", "websocket"]) -> None:
    from codexplus_hooks import plugin

    async with Harness({"hooks": plugin}, transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.text == "Hello from the script."
    assert proxy.log.events("plugin_ready") == [{"plugin": "hooks"}]
    assert proxy.plugins.plugins[0].warnings == []


class Answers:
    """Notes which hooks of answers anybody is called for, as a plugin that comes before."""

    ORDER = 1

    def __init__(self) -> None:
        self.proxy: Harness
        self.asked: list[bool] = []

    @hookimpl
    def on_exchange_end(self) -> None:
        dispatcher = self.proxy.app.dispatcher
        self.asked.append(all(dispatcher.has(hook) for hook in ("on_tool_use", "on_turn_end")))


@pytest.mark.req("P6")
async def test_where_nobody_has_hooks_no_answer_is_looked_at_and_the_first_hook_is_heard(hook_folders: Path) -> None:
    settings = hook_folders / "home/.codexplus/settings.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    seen = hook_folders / "seen"
    stop = {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": f"cat > {seen}"}]}]}}
    config = Config(hook_folders / "home", {}, every_s=0.0)
    watching = Answers()

    async with Harness(
        {"watching": watching, "hooks": HooksPlugin()}, config=config, cwd=str(hook_folders / "work")
    ) as proxy:
        watching.proxy = proxy
        await proxy.say("one")
        settings.write_text(json.dumps(stop))
        await proxy.say("two")

    assert watching.asked == [False, True]
    assert json.loads(seen.read_text("utf-8"))["hook_event_name"] == "Stop"


@pytest.mark.req("H1")
async def test_whoever_waits_for_the_end_of_a_turn_learns_what_makes_the_model_go_on(
    hook_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, left = hook_folders / "mark", list[str | None]()
    own_hooks(hook_folders, {"Stop": f"test -e {mark} || {{ touch {mark}; echo 'go on' >&2; exit 2; }}"})
    monkeypatch.setattr(Notifications, "left", lambda _self, _exchange, on, _found: left.append(on))

    async with hooked_proxy(hook_folders) as proxy:
        await proxy.say("hello")

    assert [on is None for on in left] == [False, True]
    assert "go on" in str(left[0])


@pytest.mark.req("H1")
async def test_a_hook_that_only_wants_the_models_words_is_heard_at_the_end_of_a_turn(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"MessageDisplay": noting(hook_folders)})

    async with hooked_proxy(hook_folders) as proxy:
        await proxy.say("hello")

    assert events(hook_folders) == ["MessageDisplay"]
