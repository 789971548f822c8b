"""What a scraper reads: Prometheus' text format and OpenMetrics, read back here by their own rules."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_enterprise.metrics import names
from codexplus_enterprise.metrics.document import document
from codexplus_enterprise.metrics.exposition import wants_open_metrics, written
from codexplus_enterprise.metrics.names import COUNTED, LOOKED_UP, Instrument
from codexplus_enterprise.metrics.registry import Family, Registry, Series
from codexplus_enterprise.metrics.rolling import Rolling

SAMPLE = re.compile(r'([a-z_:]+)(?:\{((?:[a-z_]+="(?:\\.|[^"\\])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:\\.|[^"\\])*)"')


def read_back(text: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of an exposition; fails for a line that is none."""
    found = []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match is not None, line
        labels = {key: re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), value)
                  for key, value in LABEL.findall(match[2] or "")}  # fmt: skip
        found.append((match[1], labels, float(match[3])))
    return found


def filled() -> Registry:
    registry = Registry(COUNTED)
    registry.add(names.REQUESTS, ("responses", "http", "200", "upstream"), 3)
    registry.observe(names.ADDED, ("proxy", "http"), 0.004)
    registry.observe(names.ADDED, ("proxy", "http"), 99.0)
    registry.put(names.BREAKER, ("docs",), 2.0)
    return registry


@pytest.mark.req("E4")
def test_counters_gauges_and_histograms_are_written_as_scrapers_read_them() -> None:
    samples = read_back(written(filled().families()))

    labels = {"kind": "responses", "transport": "http", "status": "200", "answered_by": "upstream"}
    assert ("codexplus_requests_total", labels, 3.0) in samples
    assert ("codexplus_mcp_breaker", {"server": "docs"}, 2.0) in samples
    by = {"by": "proxy", "transport": "http"}
    buckets = [
        value
        for name, at, value in samples
        if name == "codexplus_added_latency_seconds_bucket" and by.items() <= at.items()
    ]
    assert buckets == sorted(buckets) and buckets[-1] == 2.0
    assert ("codexplus_added_latency_seconds_bucket", {**by, "le": "0.005"}, 1.0) in samples
    assert ("codexplus_added_latency_seconds_bucket", {**by, "le": "+Inf"}, 2.0) in samples
    assert ("codexplus_added_latency_seconds_count", by, 2.0) in samples


def test_open_metrics_names_families_without_suffix_and_says_where_it_ends() -> None:
    text = written(filled().families(), open_metrics=True)

    assert "# TYPE codexplus_requests counter\n" in text
    assert "\ncodexplus_requests_total{" in text
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1


@given(st.text())
def test_no_label_can_break_out_of_its_quotes(value: str) -> None:
    family = Family(names.REFUSALS, (Series((value,), 1.0),))

    assert read_back(written([family])) == [("codexplus_refusals_total", {"code": value}, 1.0)]


@given(st.text())
def test_no_help_can_break_out_of_its_line(text: str) -> None:
    family = Family(replace(names.REFUSALS, text=text), (Series(("refused",), 1.0),))

    assert len(written([family]).removesuffix("\n").split("\n")) == 3


@pytest.mark.parametrize(
    ("accept", "newer"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("text/plain;version=0.0.4", False),
        ("", False),
        ("*/*", False),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=many", False),
    ],
)
def test_the_format_is_the_one_that_the_scraper_likes_best(accept: str, newer: bool) -> None:
    assert wants_open_metrics(accept) is newer


@pytest.mark.req("E4")
def test_the_json_says_the_same() -> None:
    rolling = Rolling()
    rolling.add(0.004, broken=False)
    rolling.add(0.2, broken=True)

    found: dict[str, Any] = document(filled().families(), rolling, version="1.2", at=5.0)

    rows = {row["name"]: row for row in found["metrics"]}
    assert rows["codexplus_requests_total"]["series"][0]["value"] == 3.0
    added = rows["codexplus_added_latency_seconds"]["series"][0]
    assert (added["count"], added["buckets"][0], added["buckets"][-1]) == (2, (0.001, 0), (None, 2))
    assert found["slo"] == {
        "window": 2, "added_latency_s": {"p50": 0.004, "p95": 0.2, "p99": 0.2}, "broken_streams": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("instrument", [*COUNTED, *LOOKED_UP], ids=lambda one: one.name)
def test_every_instrument_has_a_sound_name_and_the_buckets_that_its_kind_needs(instrument: Instrument) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", instrument.sample)
    assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in instrument.label_names)
    # A summary's and a histogram's own labels: no gauge may carry them.
    assert not {"le", "quantile"} & set(instrument.label_names)
    assert list(instrument.buckets) == sorted(set(instrument.buckets))
    assert bool(instrument.buckets) == (instrument.kind == "histogram")
    assert instrument.text.endswith(".")


def test_no_two_instruments_have_one_name() -> None:
    everything = [instrument.family for instrument in (*COUNTED, *LOOKED_UP)]

    assert len(everything) == len(set(everything))


def test_the_names_of_the_conventions_for_generative_ai_are_theirs() -> None:
    theirs = {one.name: (one.unit, one.label_names) for one in COUNTED if one.name.startswith("gen_ai.")}

    model = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
    assert theirs == {
        "gen_ai.client.operation.duration": ("s", (*model, "error_type")),
        "gen_ai.client.token.usage": ("{token}", (*model, "gen_ai_token_type")),
        "gen_ai.client.operation.time_to_first_chunk": ("s", model),
        "gen_ai.execute_tool.duration": ("s", ("gen_ai_tool_name", "error_type")),
    }
