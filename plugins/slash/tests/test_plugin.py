"""The slash plugin as an installed distribution."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Literal

import pytest

from codexplus_core.testing import Harness


@pytest.mark.req("D2")
def test_the_installed_distribution_offers_the_plugin_under_its_short_name() -> None:
    (entry,) = entry_points(group="codexplus.plugins", name="slash")

    plugin = entry.load()

    assert plugin.__name__ == "codexplus_slash.plugin"
    assert plugin.ORDER == 40
    assert entry.dist is not None
    assert entry.dist.name == "codex-plus-slash"


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_it_loads_and_leaves_a_turn_as_it_is(transport: Literal["http", "websocket"]) -> None:
    from codexplus_slash import plugin

    async with Harness({"slash": plugin}, transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.text == "Hello from the script."
    assert proxy.log.events("plugin_ready") == [{"plugin": "slash"}]
    assert proxy.plugins.plugins[0].warnings == []
