"""Counts by labels, with a wall behind the labels' own bounds; and the window by which promises are judged."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_enterprise.metrics import names
from codexplus_enterprise.metrics.labels import MOST_KNOWN, Words, status_label
from codexplus_enterprise.metrics.registry import Histogram, Registry
from codexplus_enterprise.metrics.rolling import Rolling

numbers = st.floats(min_value=0, max_value=1e6, allow_nan=False)


def test_an_instrument_without_labels_is_there_before_anything_happens() -> None:
    families = {family.instrument: family for family in Registry(names.COUNTED).families()}

    assert [series.value for series in families[names.ROUNDS].series] == [0.0]
    assert families[names.REQUESTS].series == ()


@pytest.mark.abuse("H06")
def test_an_instrument_never_has_more_series_than_it_may() -> None:
    registry = Registry((names.REFUSALS, names.AI_TOOL), most=10)

    for number in range(1000):
        registry.add(names.REFUSALS, (f"code{number}",))
        registry.observe(names.AI_TOOL, (f"tool{number}", ""), 1.0)

    counted, timed = registry.families()
    assert len(counted.series) == 11 and len(timed.series) == 11
    assert sum(series.value for series in counted.series) == 1000
    assert {series.labels: series.value for series in counted.series}["other",] == 990


def test_labels_that_do_not_fit_the_instrument_are_a_fault() -> None:
    with pytest.raises(ValueError, match=r"codexplus\.refusals: 1 labels expected, got 2"):
        Registry((names.REFUSALS,)).add(names.REFUSALS, ("a", "b"))


@given(st.lists(numbers))
def test_a_histogram_counts_each_number_where_it_belongs(values: list[float]) -> None:
    edges = names.ADDED.buckets
    histogram = Histogram(edges)

    for value in values:
        histogram.add(value)

    bounds = [float("-inf"), *edges, float("inf")]
    assert histogram.counts == [sum(1 for v in values if low < v <= high) for low, high in pairwise(bounds)]
    assert histogram.total == pytest.approx(sum(values))


def test_the_promised_latencies_are_edges_of_their_histogram() -> None:
    assert {0.05, 0.085} <= set(names.ADDED.buckets)


@given(st.lists(numbers, min_size=1, max_size=200), st.integers(min_value=1, max_value=60))
def test_the_window_keeps_the_newest_and_its_quantiles_are_values_that_were_measured(
    values: list[float], size: int
) -> None:
    rolling = Rolling(size)

    for value in values:
        rolling.add(value, broken=value > 5)

    newest = sorted(values[-size:])
    for share, found in rolling.quantiles().items():
        assert found in newest
        assert sum(1 for value in newest if value <= found) >= share * len(newest) - 1e-9
        assert sum(1 for value in newest if value < found) < share * len(newest)
    assert rolling.seen == len(newest)
    assert rolling.broken_share == sum(1 for value in newest if value > 5) / len(newest)


def test_an_empty_window_has_no_latency_to_show() -> None:
    assert (Rolling().quantiles(), Rolling().broken_share) == ({}, 0.0)


@pytest.mark.abuse("H06")
@given(st.text())
def test_a_word_that_nobody_vouches_for_is_never_a_label(word: str) -> None:
    assert Words(("gpt-5",), room=5).of(word) in ("gpt-5", "other", "none")


@pytest.mark.abuse("H06")
@pytest.mark.parametrize(
    "word",
    [
        "sk-proj-abc", "eyJhbGciOi.J9", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "AKIAIOSFODNN7EXAMPLE",
        "a b", 'x"} 1\nfake_total 7', "x" * 65, "", "é", "../../etc/passwd\n",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_or_no_name_is_no_label_even_if_vouched_for(word: str) -> None:
    assert Words(room=5).of(word, vouched=True) in ("other", "none")


@pytest.mark.parametrize(
    "name", ["gpt-5.1-codex-max", "gpt-6.1-sol", "openai/gpt-oss-120b:free", "claude-sonnet-4-5-20250929", "o3"]
)
def test_names_of_models_are_labels_once_an_upstream_has_served_them(name: str) -> None:
    assert Words(room=1).of(name, vouched=True) == name


def test_there_is_room_for_so_many_names_and_no_more() -> None:
    words = Words(room=2)

    found = [words.of(f"m{number}", vouched=True) for number in (1, 2, 3, 1)]

    assert found == ["m1", "m2", "other", "m1"]


@pytest.mark.abuse("H06")
def test_even_a_settings_names_are_bounded() -> None:
    words = Words()

    words.add([f"m{number}" for number in range(10 * MOST_KNOWN)])

    assert words.of("m0") == "m0"
    assert words.of(f"m{MOST_KNOWN + 1}") == "other"


@pytest.mark.parametrize(("status", "label"), [(200, "200"), (0, "none"), (429, "429"), (799, "other")])
def test_a_status_that_does_not_exist_is_no_label(status: int, label: str) -> None:
    assert status_label(status) == label
