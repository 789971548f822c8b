"""The enterprise plugin as an installed distribution."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Literal

import pytest

from codexplus_core.testing import Harness


@pytest.mark.req("D2")
def test_the_installed_distribution_offers_the_plugin_under_its_short_name() -> None:
    (entry,) = entry_points(group="codexplus.plugins", name="enterprise")

    plugin = entry.load()

    assert plugin.__name__ == "codexplus_enterprise.plugin"
    assert plugin.ORDER == 90
    assert entry.dist is not None
    assert entry.dist.name == "codex-plus-enterprise"


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_it_loads_and_leaves_a_turn_as_it_is(transport: Literal["http", "websocket"]) -> None:
    from codexplus_enterprise import plugin

    async with Harness({"enterprise": plugin}, transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.text == "Hello from the script."
    assert proxy.log.events("plugin_ready") == [{"plugin": "enterprise"}]
    assert proxy.plugins.plugins[0].warnings == []
