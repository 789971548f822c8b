"""Which layer counts, what adds up, and that the file that is named is the one whose value won."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.config.world import World, said

from codexplus_core.services.config import Origin, Value
from codexplus_core.services.config.cleaning import Cleaner
from codexplus_core.services.config.merging import Merger, covers
from codexplus_core.services.config.schema import Schema
from codexplus_core.services.config.sheet import Means, Tree

RECORDED = Path(__file__).parents[2] / "compat" / "settings"

# Highest first; "command line" is no file.
ORDER = [
    "etc/policy.yaml",
    "command line",
    "project/.codexplus/settings.local.json",
    "project/.codexplus/settings.local.yaml",
    "project/.claude/settings.local.json",
    "project/.codex/settings.local.json",
    "project/.codexplus/settings.json",
    "project/.codexplus/settings.yaml",
    "project/.codexplus/settings.yml",
    "project/.claude/settings.json",
    "project/.claude/settings.yaml",
    "project/.codex/settings.json",
    "home/.codexplus/settings.json",
    "home/.claude/settings.json",
    "home/.claude/settings.yml",
    "home/.codex/settings.json",
]


def written(world: World, places: list[str], content: Callable[[str], Any]) -> dict[str, Any]:
    """Write all places but the command line, whose content is returned."""
    for place in places:
        if place != "command line":
            world.write(place, content(place))
    made: dict[str, Any] = content("command line") if "command line" in places else {}
    return made


@pytest.mark.req("C1", "C2")
@pytest.mark.parametrize("lowest", range(len(ORDER)), ids=ORDER)
def test_a_layer_counts_over_all_those_below_it(world: World, lowest: int) -> None:
    places = ORDER[lowest:]
    command_line = written(world, places, lambda place: {"model": place})

    value = world.settings(command_line).value("model")

    assert value is not None
    assert value.value == places[0]
    assert str(value.origin) == ("command line" if lowest == 1 else f"{world.root / places[0]}:1")
    assert [other.value for other in value.overrides] == places[1:]


@pytest.mark.req("C1")
def test_a_fallback_folder_fills_what_the_first_does_not_say(world: World) -> None:
    world.write("project/.claude/settings.json", {"model": "claude", "env": {"A": "1"}})
    world.write("project/.codex/settings.json", {"model": "codex", "env": {"A": "2", "B": "2"}})

    settings = world.settings()

    assert settings.get("model") == "claude"
    assert settings.get("env") == {"A": "1", "B": "2"}


def test_lists_of_rules_hooks_and_servers_add_up_and_nothing_is_there_twice(world: World) -> None:
    stop = {"hooks": [{"type": "command", "command": "notify"}]}
    world.write("project/.claude/settings.json", {"permissions": {"deny": ["A", "B"]}, "hooks": {"Stop": [stop]}})
    world.write("project/.mcp.json", {"mcpServers": {"one": {"command": "one"}}})
    world.write(
        "home/.claude/settings.json",
        {
            "permissions": {"deny": ["B", "C"]},
            "hooks": {"Stop": [stop], "SessionStart": [stop]},
            "mcpServers": {"two": {"command": "two"}},
        },
    )

    settings = world.settings()

    assert settings.get("permissions.deny") == ["A", "B", "C"]
    assert settings.get("hooks") == {"Stop": [stop], "SessionStart": [stop]}
    assert sorted(settings.get("mcpServers")) == ["one", "two"]


def test_what_the_user_says_too_is_the_users(world: World) -> None:
    stop = {"hooks": [{"type": "command", "command": "notify"}]}
    world.write("project/.claude/settings.json", {"hooks": {"Stop": [stop]}})
    world.write("home/.claude/settings.json", {"hooks": {"Stop": [stop]}})

    (hook,) = world.settings().items("hooks.Stop")

    assert hook.origin.layer == "user" and hook.origin.trusted
    assert [other.origin.layer for other in hook.overrides] == ["project"]


@pytest.mark.req("X3")
def test_a_rule_about_a_path_below_its_own_folder_is_not_the_same_in_another(world: World) -> None:
    for place in ("project/.claude/settings.json", "project/.codex/settings.json", "home/.claude/settings.json"):
        world.write(place, {"permissions": {"deny": ["Read(/secrets)"]}})

    rules = world.settings().items("permissions.deny")

    assert [(rule.value, rule.origin.root) for rule in rules] == [
        ("Read(/secrets)", world.project),
        ("Read(/secrets)", world.home / ".claude"),
    ]


def test_a_server_of_the_same_name_is_taken_as_a_whole(world: World) -> None:
    world.write("home/.claude/settings.json", {"mcpServers": {"s": {"url": "https://a", "headers": {"X": "secret"}}}})
    world.write("project/.mcp.json", {"mcpServers": {"s": {"url": "https://b"}}})

    value = world.settings().value("mcpServers.s")

    # Merged key by key, the user's headers would go to the project's host.
    assert value is not None and value.value == {"url": "https://b"}
    assert not value.origin.trusted
    assert [other.origin.layer for other in value.overrides] == ["user"]


def test_mcp_json_holds_servers_only(world: World) -> None:
    world.write("project/.mcp.json", {"model": "x", "mcpServers": {"s": {"command": "s"}}})

    settings = world.settings()

    assert settings.get("model") is None
    assert "model: this file holds only mcpServers" in said(settings.ignored)


def test_security_permissions_deny_counts_like_permissions_deny(world: World) -> None:
    rules = {"security": {"permissions": {"deny": ["Bash(rm:*)"]}}, "permissions": {"deny": ["Read(./.env)"]}}
    world.write("home/.claude/settings.json", rules)
    world.write("project/.claude/settings.json", {"security": {"permissions": {"deny": ["Read(secrets/**)"]}}})

    assert sorted(world.settings().get("permissions.deny")) == ["Bash(rm:*)", "Read(./.env)", "Read(secrets/**)"]


@pytest.mark.parametrize(
    ("lists", "left"),
    [
        ([["a", "b"], ["b", "c"]], ["b"]),
        ([["gpt-*"], ["gpt-5", "o3"]], ["gpt-5"]),
        ([["gpt-5"], ["*"]], ["gpt-5"]),
        ([["a"], ["b"]], []),
        ([["a*", "b*"], ["*x"], ["ax", "bx", "cx"]], ["ax", "bx"]),
        ([[], ["a"]], []),
    ],
)
def test_lists_of_what_is_allowed_only_narrow(world: World, lists: list[list[str]], left: list[str]) -> None:
    places = ["etc/policy.yaml", "home/.claude/settings.json", "project/.claude/settings.json"]
    for place, models in zip(places, lists, strict=False):
        world.write(place, {"security": {"modelAllowlist": models}})

    assert world.settings().get("security.modelAllowlist") == left


def test_one_layer_that_requires_signatures_is_enough_and_the_strictest_sandbox_counts(world: World) -> None:
    world.write("etc/policy.yaml", {"sandbox": {"minimum": "lsm"}, "security": {"requireSigned": False}})
    world.write("home/.claude/settings.json", {"sandbox": {"minimum": "process"}, "security": {"requireSigned": True}})
    settings = world.settings()

    assert settings.get("sandbox.minimum") == "lsm"
    assert settings.get("security.requireSigned") is True
    explained = settings.value("security.requireSigned")
    assert explained is not None and explained.origin.layer == "user"


def recorded() -> list[Any]:
    text = (RECORDED / "precedence.jsonl").read_text(encoding="utf-8")
    return [pytest.param(case, id=case["id"]) for case in map(json.loads, text.splitlines())]


@pytest.mark.req("C2")
@pytest.mark.parametrize("case", recorded())
def test_the_model_is_the_one_that_claude_code_took(world: World, case: dict[str, Any]) -> None:
    places = {"{HOME}": "home", "{PROJECT}": "project", "{MANAGED}": "etc"}
    for name, content in case["files"].items():
        scope, _, rest = name.partition("/")
        world.write(f"{places[scope]}/{rest}", content)
    cwd = world.project / case.get("cwd", ".")
    cwd.mkdir(exist_ok=True)

    settings = world.config(case.get("command_line")).for_project(cwd)

    assert settings.get("model") == case["model"]


# -- properties

NAMES = st.sampled_from(["a", "b", "c.d"])
SCALARS = st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["x", "y"]))


def objects(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Objects in which a name always holds the same kind of thing, as the schema has it for the keys it knows."""
    inner = objects(depth - 1) if depth else SCALARS
    return st.fixed_dictionaries(
        {},
        optional={
            "scalar": SCALARS,
            "list": st.lists(SCALARS, max_size=3),
            "object": inner if depth else st.fixed_dictionaries({}),
            "permissions": st.fixed_dictionaries({}, optional={"deny": st.lists(st.sampled_from("ABC"), max_size=3)}),
            "mcpServers": st.dictionaries(NAMES, st.sampled_from([{"command": "x"}, {"url": "y"}]), max_size=2),
        },
    )


LAYERS = st.lists(objects(2), min_size=1, max_size=4)


def tree(data: dict[str, Any], file: str) -> Tree:
    origin = Origin("user", Path(file))
    return Cleaner(origin, lambda _: None, Means(Schema(), {})).clean(data).tree


def merged(*datas: dict[str, Any]) -> dict[str, Any]:
    values = Merger(Schema()).merge([tree(data, str(number)) for number, data in enumerate(datas)])
    return {name: value.value for name, value in values.items()}


@given(objects(2), objects(2), objects(2))
def test_merging_is_associative(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    assert merged(merged(one, two), three) == merged(one, merged(two, three)) == merged(one, two, three)


@given(objects(2))
def test_merging_something_with_itself_or_nothing_changes_nothing(one: dict[str, Any]) -> None:
    assert merged(one, one) == merged(one, {}) == merged({}, one) == merged(one)


@given(LAYERS)
def test_the_origin_names_the_file_whose_value_won(datas: list[dict[str, Any]]) -> None:
    values = Merger(Schema()).merge([tree(data, str(number)) for number, data in enumerate(datas)])

    for value in every(values.values()):
        here = [look(data, value.key) for data in datas]
        says = [number for number, found in enumerate(here) if found is not MISSING]
        if isinstance(value.value, list):
            for part in value.parts:
                first = next(number for number in says if part.value in here[number])
                # `1 == True` in Python; the first that says the same thing is who is named.
                assert int(str(part.origin)) <= max(says) and part.value in here[int(str(part.origin))]
                assert int(str(part.origin)) >= first
        elif not isinstance(value.value, dict) or value.key.startswith("mcpServers."):
            assert int(str(value.origin)) == says[0]
            assert here[says[0]] == value.value
            assert [int(str(other.origin)) for other in value.overrides] == says[1:]


MISSING = object()


def every(values: Any) -> list[Value]:
    return [found for value in values for found in (value, *every(part for part in value.parts if "[" not in part.key))]


def look(data: Any, key: str) -> Any:
    if not key:
        return data
    if isinstance(data, dict):
        for name in data:
            if key == name or key.startswith(f"{name}."):
                return look(data[name], key[len(name) + 1 :])
    return MISSING


MODELS = st.lists(st.text(alphabet="ab*", min_size=1, max_size=4), max_size=3)


@given(st.lists(MODELS, min_size=1, max_size=3), st.text(alphabet="ab", min_size=1, max_size=4))
def test_what_several_lists_allow_each_of_them_allows(lists: list[list[str]], model: str) -> None:
    datas = [{"security": {"modelAllowlist": models}} for models in lists]

    left = merged(*datas)["security"]["modelAllowlist"]

    if any(covers(entry, model) for entry in left):
        assert all(any(covers(entry, model) for entry in models) for models in lists)
    assert sorted(merged(*reversed(datas))["security"]["modelAllowlist"]) == sorted(left)
