"""The circuit breaker: three failures, sixty seconds, one probe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_mcp.breaker import FAILURES, REST_S, Breaker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.req("M8")
def test_after_three_failures_in_a_row_nothing_is_admitted_for_sixty_seconds(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(3):
        assert breaker.admit()
        breaker.failed()

    assert not breaker.admit()
    assert breaker.is_open and breaker.retry_in == 60.0
    clock.now += 59.9
    assert not breaker.admit()


def test_a_success_in_between_starts_the_count_again(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    breaker.failed()
    breaker.failed()

    assert breaker.admit()


@pytest.mark.req("M8")
def test_after_the_rest_one_probe_decides(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(3):
        breaker.failed()
    clock.now += 60

    assert breaker.admit()
    assert not breaker.admit()
    breaker.failed()
    assert not breaker.admit() and breaker.retry_in == 60.0
    clock.now += 60
    assert breaker.admit()
    breaker.succeeded()
    assert breaker.admit() and breaker.admit() and not breaker.is_open


def test_a_probe_that_nobody_waits_for_any_more_leaves_room_for_another(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(3):
        breaker.failed()
    clock.now += 60

    assert breaker.admit()
    breaker.gave_up()

    assert breaker.admit()


@given(st.lists(st.sampled_from(["failed", "succeeded", "gave_up", "wait", "admit"]), max_size=60))
def test_it_is_open_only_after_failures_in_a_row_and_never_for_ever(steps: list[str]) -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    row = 0
    for step in steps:
        if step == "wait":
            clock.now += REST_S / 2
        else:
            getattr(breaker, step)()
            row = {"failed": row + 1, "succeeded": 0}.get(step, row)
        assert breaker.is_open == (row >= FAILURES)
        assert 0 <= breaker.retry_in <= REST_S

    clock.now += REST_S
    breaker.gave_up()
    assert breaker.admit()
