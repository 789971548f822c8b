"""A budget in words: whose it is, and its figures."""

from __future__ import annotations

import pytest

from codexplus_enterprise.cost.budget import Budget
from codexplus_enterprise.cost.verdict import Verdict, gone_of, note


@pytest.mark.req("E6")
@pytest.mark.parametrize(
    ("spent", "limit", "said"),
    [
        (5.75, 6.5, "5.75 of 6.50 USD"),
        (0.0049, 0.005, "0.0049 of 0.005 USD"),
        (0.005, 0.005, "0.005 of 0.005 USD"),
        (0.12, 0.125, "0.120 of 0.125 USD"),
        (9.999, 10.0, "9.999 of 10.00 USD"),
        (0.0001, 1.0, "0.0001 of 1.00 USD"),
        (0.0, 1500.0, "0.00 of 1,500.00 USD"),
        (1234.567, 100.0, "1,234.57 of 100.00 USD"),
    ],
)
def test_an_amount_has_as_many_places_as_it_needs(spent: float, limit: float, said: str) -> None:
    assert gone_of(Verdict(Budget("user", "amount", limit), spent), "USD") == said


@pytest.mark.req("E6")
@pytest.mark.parametrize(
    ("name", "scope", "owner", "said"),
    [
        ("user", ("user",), ("ada",), "Your budget for the user ada"),
        ("project", ("project",), ("/srv/one",), "Your budget for the project /srv/one"),
        ("project", ("project",), ("",), "Your budget for work outside every project"),
        ("model", ("model",), ("gpt-6",), "Your budget for the model gpt-6"),
        ("team", (), (), 'Your budget "team"'),
        ("all", (), (), 'Your budget "all"'),
        ("astra", ("user", "model"), ("ada", "gpt-6"), 'Your budget "astra" for the user ada and the model gpt-6'),
        ("user", ("project",), ("/srv/one",), 'Your budget "user" for the project /srv/one'),
        ("user", (), (), 'Your budget "user"'),
    ],
)
def test_a_budget_is_called_what_its_reader_would_call_it(
    name: str, scope: tuple[str, ...], owner: tuple[str, ...], said: str
) -> None:
    budget = Budget(name, "requests", 10, scope=scope, period="day")

    assert note(Verdict(budget, 10, owner), "USD", 0.0) == f"{said} is spent: 10 of 10 requests today."


@pytest.mark.req("E6")
def test_the_administrators_budget_is_the_workspaces() -> None:
    budget = Budget("user", "requests", 10, scope=("user",), managed=True)

    assert note(Verdict(budget, 9, ("ada",)), "USD", 0.0).startswith(
        "This workspace's budget for the user ada is nearly"
    )


@pytest.mark.req("E6")
@pytest.mark.parametrize(("window", "said"), [("5 h", "for 5 h, and"), ("primary", "for the primary window, and")])
def test_a_window_without_a_length_is_called_by_its_name(window: str, said: str) -> None:
    budget = Budget("reserve", "percent", 90)

    assert said in note(Verdict(budget, 91, window=window), "USD", 0.0)
