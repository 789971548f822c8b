"""What the backend says about an account's limits, from header lines and from an event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.protocol.limits import limits_of_event, limits_of_headers

EVENT = {
    "type": "codex.rate_limits",
    "plan_type": "pro",
    "rate_limits": {
        "primary": {"used_percent": 40.5, "window_minutes": 300, "reset_at": 1700009000},
        "secondary": {"used_percent": 5, "window_minutes": 10080, "reset_at": 1700600000},
    },
}
FIGURES = {
    "x-codex-primary-used-percent": "40.5", "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1700009000", "x-codex-secondary-used-percent": "5",
    "x-codex-secondary-window-minutes": "10080", "x-codex-secondary-reset-at": "1700600000",
}  # fmt: skip
LEAVES = st.none() | st.booleans() | st.floats() | st.text(max_size=5)
KEYS = st.sampled_from(["rate_limits", "primary", "used_percent"])


def test_an_event_and_header_lines_say_it_under_the_same_names() -> None:
    lines = [(name.title().encode(), value.encode()) for name, value in FIGURES.items()]

    assert limits_of_headers(lines) == FIGURES
    assert limits_of_event(EVENT) == FIGURES


def test_other_header_lines_are_nobodys_business() -> None:
    lines = [(b"x-codex-turn-state", b"opaque"), (b"set-cookie", b"a=b"), (b"x-request-id", b"1"), (b"", b"")]

    assert limits_of_headers(lines) == {}


def test_what_is_too_much_is_left_out() -> None:
    lines = [(b"x-codex-primary-%d" % number, b"1") for number in range(100)]

    assert len(limits_of_headers(lines)) == 32
    assert limits_of_headers([(b"x-codex-primary-used-percent", b"9" * 200)]) == {}


@pytest.mark.parametrize(
    "event",
    [
        None, {}, {"rate_limits": None}, {"rate_limits": {"primary": None}},
        {"rate_limits": {"primary": {"used_percent": "40"}}}, {"rate_limits": {"primary": {"used_percent": True}}},
        {**EVENT, "metered_limit_name": "codex_other"},
    ],
)  # fmt: skip
def test_an_event_without_figures_of_the_account_says_nothing(event: dict[str, Any] | None) -> None:
    assert limits_of_event(event) == {}


@given(st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner)))
def test_no_event_breaks_the_reading(data: Any) -> None:
    found = limits_of_event(data if isinstance(data, dict) else None)

    assert all(isinstance(value, str) for value in found.values())
