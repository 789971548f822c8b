"""The figures of a budget of money."""

from __future__ import annotations

import pytest

from codexplus_enterprise.cost.budget import Budget
from codexplus_enterprise.cost.verdict import Verdict, gone_of


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
