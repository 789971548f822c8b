"""A file that changes while the proxy runs counts with the next request, through the core that plugins have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World

from codexplus_core import Core, Exchange, LocalReply, hookimpl
from codexplus_core.services.permissions import Argv
from codexplus_core.testing import Harness

RM = Argv(("rm", "a"))


class Tells:
    """Answers each request with what the settings say at that moment."""

    core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    def on_request(self, exchange: Exchange) -> LocalReply:
        settings = self.core.config.for_project(exchange.session.cwd)
        verdict = self.core.permissions.judge(RM, session=exchange.session)
        warnings = [str(notice) for notice in settings.warnings]
        return LocalReply(json.dumps([settings.get("model"), verdict.decision, warnings]))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path.resolve())


def proxy(world: World, plugin: object) -> Harness:
    return Harness([plugin], config=world.config(), cwd=str(world.project))


async def told(proxy: Harness) -> list[Any]:
    found: list[Any] = json.loads((await proxy.say("what counts?")).text)
    return found


@pytest.mark.req("C2", "X3")
@pytest.mark.parametrize("place", ["home/.claude/settings.json", "project/.claude/settings.json"])
async def test_a_changed_value_and_a_new_deny_rule_count_with_the_next_request(world: World, place: str) -> None:
    world.write("home/.codex/settings.json", {"permissions": {"allow": ["Bash(rm:*)"]}})
    world.write(place, {"model": "one"})
    async with proxy(world, Tells()) as running:
        before = await told(running)
        world.write(place, {"model": "two", "permissions": {"deny": ["Bash(rm:*)"]}})
        after = await told(running)

    assert (before, after) == (["one", "allow", []], ["two", "deny", []])


@pytest.mark.req("C2", "X3")
@pytest.mark.parametrize("place", ["home/.claude/settings.json", "project/.claude/settings.json"])
async def test_a_half_written_file_keeps_the_last_good_values_and_is_named_with_its_line(
    world: World, place: str
) -> None:
    file = world.write(place, {"model": "one"})
    async with proxy(world, Tells()) as running:
        await told(running)
        file.write_text('{\n "permissions": {"deny": ["Bash(rm:*)"]},\n "model": "tw')
        model, decision, warnings = await told(running)
        file.write_text('{"model": "two"}')
        after = await told(running)

    assert (model, decision) == ("one", "deny")
    assert len(warnings) == 1 and warnings[0].startswith(f"{file}: is no JSON") and "line 3" in warnings[0]
    assert after == ["two", "ask", []]


@pytest.mark.req("X3")
async def test_deny_rules_of_a_file_with_a_bad_entry_hold(world: World) -> None:
    rules = {"allow": ["Bash(rm:*)"], "ask": 5, "deny": ["Bash(rm:*)", 7]}
    world.write("home/.claude/settings.json", {"model": [], "permissions": rules})
    async with proxy(world, Tells()) as running:
        _, decision, warnings = await told(running)

    assert decision == "deny"
    assert len(warnings) == 3


@pytest.mark.req("C3")
async def test_plugins_can_show_what_counts_where_it_comes_from_and_nothing_secret(world: World) -> None:
    secret = "hunter2-and-more"
    world.write("home/.claude/settings.json", {"model": "mine", "env": {"DEPLOY_TOKEN": secret, "DEBUG": "1"}})
    project = world.write(
        "project/.claude/settings.json", {"model": "theirs", "permissions": {"allow": ["Bash"], "deny": ["bash"]}}
    )
    tells = Tells()
    async with proxy(world, tells):
        found = tells.core.config.overview(world.project)

    assert secret not in json.dumps(found)
    rows = {row["key"]: row for row in found["settings"]}
    assert rows["model"]["value"] == "theirs" and rows["model"]["file"] == str(project) and rows["model"]["line"] == 1
    assert [row["value"] for row in rows["model"]["overrides"]] == ["mine"]
    assert rows["env.DEBUG"]["value"] == "1" and rows["env.DEPLOY_TOKEN"]["trusted"]
    assert [row["key"] for row in found["ignored"]] == ["permissions.allow"]
    assert [row["key"] for row in found["warnings"]] == ["permissions.deny"]
