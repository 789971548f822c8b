"""A policy that somebody else brought, and keys of a policy that nobody enforces."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.config.world import World

from codexplus_core.services.config import BadPolicy

FILE = Path("/state/policy.json")


@pytest.mark.req("E5")
def test_an_imposed_policy_counts_at_once_below_the_file_and_above_the_rest(world: World) -> None:
    world.write("etc/policy.yaml", "model: local\n")
    world.write("home/.codexplus/settings.json", {"log": {"level": "error"}, "model": "mine"})
    config = world.config({"log": {"level": "info"}}, every_s=100.0)
    before = config.user.get("log.level")

    config.impose(b"model: imposed\nlog: {level: debug}\ncodex: {versions: '>=0.1'}\n", FILE)

    assert before == "info"
    assert (config.user.get("model"), config.user.get("log.level")) == ("local", "debug")
    assert config.user.get("codex.versions") == ">=0.1"
    assert config.has_policy


@pytest.mark.req("E5")
@pytest.mark.parametrize("data", [b"model: 5", b"a: [", b"security: {modelAlowlist: [x]}", b"\xff\xfe\x00"])
def test_a_bad_one_changes_nothing(world: World, data: bytes) -> None:
    config = world.config()
    config.impose(b"model: good", FILE)

    with pytest.raises(BadPolicy, match=str(FILE)):
        config.impose(data, FILE)

    assert config.user.get("model") == "good"


def test_none_takes_it_back(world: World) -> None:
    config = world.config()
    config.impose(b"model: good", FILE)

    config.impose(None, FILE)

    assert config.user.get("model") is None
    assert not config.has_policy


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    "text",
    [
        "security: {modelAlowlist: [x]}", "security: {requireSinged: true}", "approvals: {outofband: true}",
        "codex: {version: '>=1'}", "plugins: {alowed: [slash]}", "policy: {URL: 'https://a.test/'}",
    ],
)  # fmt: skip
def test_a_slip_in_the_name_of_a_rule_makes_the_policy_a_bad_one(world: World, text: str) -> None:
    world.write("etc/policy.yaml", text)

    with pytest.raises(BadPolicy, match="is no key that is known"):
        world.config()


def test_the_same_slip_of_a_user_is_told_and_costs_nothing_else(world: World) -> None:
    said = {"modelAlowlist": ["x"], "nothingLikeIt": 1, "requireSigned": True, "permissions": {"deny": ["Bash(rm:*)"]}}
    world.write("home/.codexplus/settings.json", {"security": said})

    found = world.config().user

    assert [(notice.key, notice.todo) for notice in found.warnings] == [
        ("security.modelAlowlist", "did you mean modelAllowlist?"),
        ("security.nothingLikeIt", "nothing reads it; remove it, or correct its name"),
    ]
    assert found.get("security.requireSigned") is True and found.get("permissions.deny") == ["Bash(rm:*)"]


def test_a_deny_rule_of_the_section_security_is_listed_once(world: World) -> None:
    world.write("home/.codexplus/settings.json", {"security": {"permissions": {"deny": ["Bash(rm:*)"]}}})

    rows = world.config().overview(None)["settings"]

    assert [(row["key"], row["value"]) for row in rows] == [("permissions.deny", ["Bash(rm:*)"])]
