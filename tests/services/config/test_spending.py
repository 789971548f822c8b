"""Budgets and prices in the settings: half a budget does not count, and makes a policy bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World, said

from codexplus_core.services.config import BadPolicy

GOOD: list[dict[str, Any]] = [
    {"amount": 50},
    {"amount": 0.5, "period": "day", "scope": ["user", "model"], "soft": 90, "hard": False, "advice": "Ask."},
    {"tokens": 1000, "scope": "all", "models": ["gpt-6*"], "accounts": ["api"]},
    {"requests": 10, "users": ["ada"], "projects": ["~/work"]},
    {"percent": 90, "window": "secondary"},
]
BAD: list[tuple[Any, str]] = [
    (5, "expected an object or false"),
    ({}, "expected exactly one of amount, tokens, requests, percent"),
    ({"amount": 1, "tokens": 1}, "expected exactly one of"),
    ({"amount": 0}, "expected a number above 0"),
    ({"amount": -1}, "expected a number above 0"),
    ({"amount": True}, "expected a number above 0"),
    ({"amount": "50"}, "expected a number above 0"),
    ({"amount": 50, "periode": "day"}, "periode: is unknown"),
    ({"amount": 50, "period": "fortnight"}, "expected day or week or month or year or ever"),
    ({"amount": 50, "scope": "team"}, "expected all, user, project, model"),
    ({"amount": 50, "scope": ["user", "user"]}, "expected all, user"),
    ({"amount": 50, "soft": 0}, "expected a percentage"),
    ({"amount": 50, "hard": "yes"}, "expected true or false"),
    ({"amount": 50, "models": []}, "expected a list of texts"),
    ({"amount": 50, "accounts": ["visa"]}, "expected api or chatgpt"),
    ({"tokens": 1.5}, "expected a whole number"),
    ({"percent": 101}, "up to 100"),
    ({"percent": 50, "period": "day"}, "neither scope nor period"),
    ({"amount": 5, "window": "primary"}, "goes with percent only"),
]
BAD_PRICES: list[tuple[str, Any, str]] = [
    ("gpt-5.4", 3, "expected an object"),
    ("gpt-5.4", {"input": 1}, "output: is missing"),
    ("gpt-5.4", {"input": -1, "output": 1}, "expected a price"),
    ("gpt-5.4", {"input": 1, "output": 1, "cache": 1}, "cache: is unknown"),
    ("gpt-5.4", {"input": 1, "output": 1, "long": {"input": 2, "output": 2}}, "expected a whole number of tokens"),
    ("currency", "dollars", "three capital letters"),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("budget", GOOD)
def test_a_good_budget_counts_for_user_and_administrator(world: World, budget: dict[str, Any]) -> None:
    world.write("home/.codexplus/settings.json", {"budgets": {"mine": budget}})
    world.write("etc/policy.yaml", json.dumps({"budgets": {"theirs": budget}}))

    assert world.settings().get("budgets") == {"mine": budget, "theirs": budget}
    assert world.settings().warnings == ()


@pytest.mark.parametrize(("budget", "why"), BAD)
def test_a_wrong_budget_makes_the_policy_bad_and_is_lost_to_a_user_with_a_warning(
    world: World, budget: Any, why: str
) -> None:
    world.write("home/.codexplus/settings.json", {"budgets": {"user": budget, "all": {"tokens": 9}}})

    settings = world.settings()
    world.write("etc/policy.yaml", json.dumps({"budgets": {"user": budget}}))

    assert settings.get("budgets") == {"all": {"tokens": 9}}
    assert "budgets.user" in said(settings.warnings) and why in said(settings.warnings)
    with pytest.raises(BadPolicy) as bad:
        world.config()
    assert why in str(bad.value)


@pytest.mark.parametrize(("name", "price", "why"), BAD_PRICES)
def test_a_wrong_price_makes_the_policy_bad(world: World, name: str, price: Any, why: str) -> None:
    world.write("etc/policy.yaml", json.dumps({"prices": {name: price}}))

    with pytest.raises(BadPolicy) as bad:
        world.config()

    assert why in str(bad.value)


def test_a_model_with_a_dot_in_its_name_has_its_price(world: World) -> None:
    world.write("home/.codexplus/settings.json", {"prices": {"gpt-5.4": {"input": 1, "output": 2}}})

    assert world.settings().get("prices") == {"gpt-5.4": {"input": 1, "output": 2}}


@pytest.mark.abuse("I06")
def test_the_administrators_budget_is_not_mixed_with_the_users(world: World) -> None:
    world.write("home/.codexplus/settings.json", {"budgets": {"user": {"amount": 900, "hard": False, "period": "day"}}})
    world.write("etc/policy.yaml", "budgets: {user: {amount: 5}}")

    assert world.settings().get("budgets") == {"user": {"amount": 5}}


def test_only_the_administrator_says_which_header_names_the_user(world: World) -> None:
    world.write("home/.codexplus/settings.json", {"usage": {"userHeader": "x-me", "keepDays": 30}})

    assert world.settings().get("usage") == {"keepDays": 30}


@pytest.mark.abuse("I06")
@pytest.mark.parametrize("key", ["budgets", "prices", "usage"])
def test_a_repository_says_nothing_about_cost(world: World, key: str) -> None:
    inside = {
        "budgets": {"all": {"amount": 1e9}}, "prices": {"gpt-5.4": {"input": 0, "output": 0}},
        "usage": {"enabled": False},
    }  # fmt: skip
    world.write("project/.codexplus/settings.json", {key: inside[key]})

    assert world.settings().get(key) is None
    assert said(world.settings().ignored)
