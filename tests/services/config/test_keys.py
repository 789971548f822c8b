"""Every key: a value that it does not take is lost alone, and named with file and line."""

from __future__ import annotations

from typing import Any

import pytest
from services.config.world import World, said

from codexplus_core.services.config import BadPolicy
from codexplus_core.services.config.schema import KEYS, Key
from codexplus_core.services.config.shapes import BAD

VALUES: tuple[Any, ...] = (None, 5, "", True, [], {}, "ftp://nowhere", "nonsense")
DENY = "Read(./.env)"


def bad_for(key: Key) -> Any:
    """A value, for a list an item, that the key does not take; VALUES where it takes anything."""
    return next((value for value in VALUES if key.check(value).value is BAD), VALUES)


TAKERS = [key for key in KEYS if bad_for(key) is not VALUES]


def path_of(key: Key) -> tuple[str, ...]:
    return tuple(key.name.replace("*", "NAME").split("."))


def nested(path: tuple[str, ...], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def with_faults(key: Key) -> dict[str, Any]:
    """A file with one entry that cannot be used, a deny rule, and something else that can."""
    bad = bad_for(key)
    data: dict[str, Any] = {"model": "stays", "permissions": {"deny": [DENY]}}
    if key.name == "permissions.deny":
        data["permissions"]["deny"].append(bad)
        return data
    for section, value in nested(path_of(key), [bad] if key.listed else bad).items():
        data[section] = {**data[section], **value} if isinstance(data.get(section), dict) else value
    return data


def test_most_keys_say_what_they_take() -> None:
    assert {key.name for key in KEYS} - {key.name for key in TAKERS} == {
        key.name for key in KEYS if key.name.endswith("**")
    }


@pytest.mark.req("C2", "X3")
@pytest.mark.parametrize("key", [key for key in TAKERS if key.only is None], ids=lambda key: key.name)
@pytest.mark.parametrize("where", ["home/.codexplus/settings.json", "home/.claude/settings.json"])
def test_one_bad_entry_loses_only_itself_and_never_a_deny_rule(world: World, key: Key, where: str) -> None:
    file = world.write(where, with_faults(key))
    world.write("home/.codex/settings.json", {"slash": {"x": 1}})

    settings = world.settings()

    at = ".".join(path_of(key))
    notices = [notice for notice in settings.warnings if notice.key.startswith(at)]
    assert [(notice.origin.file, notice.origin.line) for notice in notices] == [(file, 1)]
    assert len(settings.warnings) == 1
    assert settings.get("permissions.deny") == [DENY]
    assert key.name == "model" or settings.get("model") == "stays"
    assert settings.get("slash.x") == 1


@pytest.mark.req("C2", "E5")
@pytest.mark.parametrize("key", TAKERS, ids=lambda key: key.name)
def test_in_a_policy_one_bad_entry_is_too_many(world: World, key: Key) -> None:
    import json

    world.write("etc/policy.yaml", json.dumps(with_faults(key)))

    with pytest.raises(BadPolicy):
        world.settings()


@pytest.mark.abuse("B02", "B03")
@pytest.mark.parametrize("key", [key for key in KEYS if key.project == "no"], ids=lambda key: key.name)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_a_repository_may_not_set_it_does_not_set_by_any_value(world: World, key: Key, value: Any) -> None:
    world.write("project/.codexplus/settings.local.json", nested(path_of(key), value))

    settings = world.settings()

    assert settings.list() == ()
    assert said((*settings.ignored, *settings.warnings))
