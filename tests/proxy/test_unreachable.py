"""An upstream that stays away is said once, and then counted."""

from __future__ import annotations

import pytest

from codexplus_core.proxy.transport import UpstreamError
from codexplus_core.proxy.unreachable import EVERY_S, Unreachable
from codexplus_core.testing import Harness, Log

AWAY = UpstreamError("connect", "https://a: nobody is there")


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def unreachable(log: Log, clock: Clock) -> Unreachable:
    return Unreachable(log, clock)


def test_the_first_one_is_said_at_once_and_the_same_again_once_a_minute_with_its_count(
    log: Log, clock: Clock, unreachable: Unreachable
) -> None:
    for clock.now in (0.0, 1.0, EVERY_S - 1, EVERY_S, EVERY_S + 1, 5 * EVERY_S):
        unreachable(AWAY)

    line = {"kind": "connect", "message": "https://a: nobody is there"}
    assert log.events("upstream_unreachable") == [line, line | {"times": 3}, line | {"times": 2}]


def test_one_that_comes_back_after_a_while_stands_for_itself_alone(
    log: Log, clock: Clock, unreachable: Unreachable
) -> None:
    for clock.now in (0.0, 2 * EVERY_S):
        unreachable(AWAY)

    assert ["times" in fields for fields in log.events("upstream_unreachable")] == [False, False]


def test_another_reason_is_said_at_once(log: Log, unreachable: Unreachable) -> None:
    for error in (AWAY, UpstreamError("dns", str(AWAY)), UpstreamError("connect", "https://b: nobody is there")):
        unreachable(error)

    assert len(log.events("upstream_unreachable")) == 3


def test_how_long_curl_tried_is_no_other_reason(log: Log, unreachable: Unreachable) -> None:
    for tried in ("after 0 ms", "after 12 ms", "after 20001 milliseconds"):
        unreachable(UpstreamError("connect", f"http://a: Failed to connect to a port 80 {tried}: refused"))

    assert len(log.events("upstream_unreachable")) == 1


def test_what_is_remembered_has_a_bound(unreachable: Unreachable) -> None:
    for number in range(1000):
        unreachable(UpstreamError("protocol", f"odd body {number}"))

    assert len(unreachable._troubles) < 100


@pytest.mark.wire("W9")
async def test_retries_of_codex_are_one_line_and_each_gets_its_answer(clock: Clock) -> None:
    async with Harness(clock=clock, transport="websocket") as proxy:
        proxy.upstream.unreachable = AWAY
        statuses = [(await proxy.request("POST", "/v1/responses", body=b"{}")).status for _ in range(3)]

    assert statuses == [502, 502, 502]
    assert len(proxy.log.events("upstream_unreachable")) == 1
