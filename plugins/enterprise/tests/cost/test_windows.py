"""A subscription's windows: read from what answers say, kept, shown, and held as budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metered import Clock, Metered, Settings

from codexplus_core.testing import Answer, Harness, text
from codexplus_enterprise.cost.windows import Window, account_name, windows_of

Transport = Literal["http", "websocket"]
WHAT = ("used-percent", "window-minutes", "reset-at")
NAMES = [f"x-codex-{name}-{what}" for name in ("primary", "secondary") for what in WHAT]


def told(primary: float, secondary: float, clock: Clock, *, transport: Transport) -> Answer:
    """An answer that tells of both windows, the way that the backend does on this transport."""
    first, second = int(clock.now) + 7200, int(clock.now) + 3 * 86400
    if transport == "http":
        return text("ok").with_headers(
            x_codex_primary_used_percent=str(primary), x_codex_primary_window_minutes="300",
            x_codex_primary_reset_at=str(first), x_codex_secondary_used_percent=str(secondary),
            x_codex_secondary_window_minutes="10080", x_codex_secondary_reset_at=str(second),
        )  # fmt: skip
    figures = {
        "primary": {"used_percent": primary, "window_minutes": 300, "reset_at": first},
        "secondary": {"used_percent": secondary, "window_minutes": 10080, "reset_at": second},
    }
    event: dict[str, Any] = {"type": "codex.rate_limits", "plan_type": "pro", "rate_limits": figures}
    return replace(text("ok"), stops=((1, event),))


def proxy(settings: Settings, clock: Clock, *script: Any, transport: Transport = "http") -> tuple[Harness, Metered]:
    plugin = Metered(clock, path=settings.state)
    return Harness({"meter": plugin}, script=script, config=settings.config(), transport=transport), plugin


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.req("E6")
async def test_a_budget_on_a_window_refuses_until_the_window_ends(
    transport: Transport, settings: Settings, clock: Clock
) -> None:
    settings.mine(budgets={"reserve": {"percent": 90}})
    script = [told(91, 20, clock, transport=transport), text("later")]
    harness, _ = proxy(settings, clock, *script, transport=transport)

    async with harness as running:
        await running.say("one")
        refused = await running.say("two")
        clock.now += 7201
        passed = await running.say("three")

    assert refused.error is not None
    assert 'Your budget "reserve" is spent: 91 % of the subscription\'s allowance for 5 h' in refused.error
    assert "(in 2 hours)" in refused.error
    assert passed.text == "later"


@pytest.mark.parametrize(("window", "passes"), [("primary", True), ("secondary", False), ("any", False)])
async def test_a_budget_may_be_on_one_window(window: str, passes: bool, settings: Settings, clock: Clock) -> None:
    settings.mine(budgets={"reserve": {"percent": 50, "window": window}})
    harness, _ = proxy(settings, clock, told(10, 60, clock, transport="http"), text("two"))

    async with harness as running:
        await running.say("one")
        answer = await running.say("two")

    assert (answer.error is None) is passes


async def test_windows_are_shown_with_what_is_used(settings: Settings, clock: Clock) -> None:
    harness, _ = proxy(settings, clock, told(42, 7, clock, transport="http"))

    async with harness as running:
        await running.say("one")
        shown = await running.say("/usage")

    assert "5 h window" in shown.text and "42 %" in shown.text and "begins anew in 2 hours" in shown.text
    assert "7 days window" in shown.text


async def test_a_window_outlives_a_restart_and_is_no_other_accounts(settings: Settings, clock: Clock) -> None:
    settings.mine(budgets={"reserve": {"percent": 50}})
    first, _ = proxy(settings, clock, told(60, 1, clock, transport="http"))
    second, _ = proxy(settings, clock, text("another"))

    async with first as running:
        await running.say("one")
    async with second as running:
        refused = await running.say("two")
        request = running.codex.say("three")
        headers = [(name, value) for name, value in request.headers if name.lower() != b"chatgpt-account-id"]
        other = await running.request(
            request.method, request.path, [*headers, (b"chatgpt-account-id", b"another")], request.body
        )

    assert refused.error is not None and 'budget "reserve"' in refused.error
    assert b"response.completed" in other.body


def test_what_makes_no_sense_is_no_window() -> None:
    now = 1_700_000_000.0

    assert windows_of({}, now) == {}
    assert windows_of({"x-codex-primary-used-percent": "nan"}, now) == {}
    assert windows_of({"x-codex-primary-used-percent": "-1"}, now) == {}
    far = {"x-codex-primary-used-percent": "99", "x-codex-primary-reset-at": "99999999999"}
    assert windows_of(far, now) == {"primary": Window(99.0, 0, 0.0, now)}
    assert not windows_of(far, now)["primary"].is_current(now)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12)))
def test_no_header_breaks_the_reading(limits: dict[str, str]) -> None:
    for window in windows_of(limits, 1_700_000_000.0).values():
        assert 0 <= window.used <= 1000
        assert window.label is not None


def test_accounts_have_short_names_that_do_not_tell_which_they_are() -> None:
    assert account_name("") == ""
    assert account_name("acc-1") != account_name("acc-2")
    assert "acc-1" not in account_name("acc-1") and len(account_name("acc-1")) == 8
