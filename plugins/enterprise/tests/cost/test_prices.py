"""What tokens cost: the list, what the settings say instead, and long prompts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_enterprise.cost.prices import NANO, Price, Prices


@pytest.mark.req("E6")
@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("gpt-6.1-sol", 0.2 * 0.9 + 0.001 + 0.1),
        ("gpt-5.2-codex", 0.175 * 0.9 + 0.00175 + 0.14),
        ("gpt-5-nano", 0.005 * 0.9 + 0.00005 + 0.004),
    ],
)
def test_cached_input_costs_its_own_price(model: str, cost: float) -> None:
    price = Prices().of(model)

    assert price is not None
    assert price.nanos(100_000, 10_000, 10_000) == pytest.approx(cost * NANO, rel=1e-9)


@pytest.mark.parametrize("name", ["GPT-6.1-Sol", "openai/gpt-6.1-sol", "gpt-6.1-sol-2026-09-29"])
def test_case_provider_and_date_make_no_other_model(name: str) -> None:
    assert Prices().of(name) == Prices().of("gpt-6.1-sol")


def test_a_model_that_nobody_knows_has_no_price() -> None:
    assert Prices().of("gpt-6.1-sol-ultra") is None
    assert Prices().of("") is None


def test_the_settings_win_over_the_list_and_the_longest_pattern_over_others() -> None:
    prices = Prices(
        {
            "gpt-5.4": {"input": 1, "output": 2},
            "gpt-*": {"input": 3, "output": 4},
            "gpt-5*": {"input": 5, "output": 6, "cached": 0.5},
        }
    )

    assert prices.of("gpt-5.4") == Price(1, 1, 2)
    assert prices.of("gpt-5.5") == Price(5, 0.5, 6)
    assert prices.of("gpt-6-luna") == Price(3, 3, 4)
    assert prices.of("o3") == Prices().of("o3")


def test_the_list_is_in_dollars_and_counts_for_nothing_else() -> None:
    prices = Prices({"currency": "EUR", "gpt-5.4": {"input": 1, "output": 2}})

    assert prices.of("gpt-5.5") is None
    assert prices.of("gpt-5.4") == Price(1, 1, 2)
    assert list(prices.names()) == ["gpt-5.4"]


def test_a_long_prompt_is_charged_as_a_whole_and_counted_by_request() -> None:
    price = Prices().of("gpt-6.1-sol")

    assert price is not None
    assert price.nanos(272_000, 0, 1000) == round((0.272 * 2 + 0.001 * 10) * NANO)
    assert price.nanos(272_001, 0, 1000) == round((0.272001 * 4 + 0.001 * 15) * NANO)
    assert price.nanos(400_000, 0, 1000, requests=2) == round((0.4 * 2 + 0.001 * 10) * NANO)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_tokens_never_cost_less_and_more_of_them_cached_never_more(taken: int, cached: int, made: int) -> None:
    price = Price(2.0, 0.1, 10.0)
    cost = price.nanos(taken, cached, made)

    assert price.nanos(taken, cached, made + 1) >= cost >= 0
    assert price.nanos(taken, cached + 1, made) <= cost


def test_names_from_clients_do_not_fill_the_memory() -> None:
    prices = Prices()

    for number in range(2000):
        prices.of(f"made-up-{number}")

    assert len(prices._found) <= 501
