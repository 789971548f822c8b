"""Settings of the audit log: what is wrong in a policy makes it one that cannot be relied on."""

from __future__ import annotations

from typing import Any

import pytest
from services.config.world import World

from codexplus_core.services.config import BadPolicy

pytestmark = pytest.mark.req("E3", "E5")

GOOD: dict[str, Any] = {
    "enabled": True, "directory": "/var/log/codex-plus/{user}", "required": True, "content": False, "fsyncMs": 100,
    "rotateMegabytes": 16, "keepDays": 400, "keyFile": "~/audit.key", "headSeconds": 0,
    "otlpEndpoint": "https://collector.example.com",
}  # fmt: skip


def test_all_keys_together_are_read_as_they_are_written(world: World) -> None:
    world.write("etc/policy.yaml", {"audit": GOOD})

    settings = world.settings()

    assert {name: settings.get(f"audit.{name}") for name in GOOD} == GOOD
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enabled", "yes"), ("required", 1), ("content", "full"), ("directory", "logs"), ("directory", 5),
        ("directory", "/a\0b"), ("keyFile", ""), ("fsyncMs", 0), ("fsyncMs", 1.5), ("fsyncMs", True),
        ("rotateMegabytes", 5000), ("keepDays", -1), ("headSeconds", -1), ("otlpEndpoint", "http://example.com"),
        ("otlpEndpoint", "http://127.0.0.1.example.com/"), ("otlpEndpoint", "wss://example.com"),
        ("otlpEndpoint", "https://user@example.com"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_is_no_policy(world: World, key: str, value: Any) -> None:
    world.write("etc/policy.yaml", {"audit": {key: value}})

    with pytest.raises(BadPolicy, match=f"audit.{key}"):
        world.config()


@pytest.mark.parametrize("url", ["http://127.0.0.1:4318", "http://localhost:4318/v1/logs", "http://[::1]:4318"])
def test_a_collector_on_this_machine_may_do_without_tls(world: World, url: str) -> None:
    world.write("etc/policy.yaml", {"audit": {"otlpEndpoint": url}})

    assert world.settings().get("audit.otlpEndpoint") == url


@pytest.mark.abuse("I06")
def test_a_project_has_no_say_in_the_log(world: World) -> None:
    world.write("home/.codexplus/settings.json", {"audit": {"enabled": True}})
    world.write("project/.codexplus/settings.json", {"audit": {"enabled": False, "directory": "/tmp/mine"}})

    settings = world.settings()

    assert settings.get("audit.enabled") is True
    assert settings.get("audit.directory") is None
    assert "could hide what it does" in "\n".join(map(str, settings.ignored))
