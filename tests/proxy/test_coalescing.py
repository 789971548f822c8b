"""Where many small pieces come, they go by together; where few come, none of them waits."""

from __future__ import annotations

import pytest

from codexplus_core.proxy.coalescing import BREATH_S, BUSY, GATHERED, MANY, STALE_S, WINDOW, Coalescing


class Clock:
    """A clock that goes on only as it is told, or by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def coalescing(clock: Clock) -> Coalescing:
    return Coalescing(clock=clock, sleep=clock.sleep)


def pieces(coalescing: Coalescing, clock: Clock, rate: float, count: int = WINDOW, turn: int = 2) -> None:
    """So many pieces at this rate, some in each turn of the loop, as the loop's steps tell of them."""
    for _ in range(count // turn):
        clock.now += turn / rate
        coalescing.passed += turn
        if coalescing.busy:
            coalescing.breathe(MANY)
        elif coalescing.passed >= WINDOW:
            coalescing.judge(MANY)


@pytest.mark.parametrize(("rate", "busy"), [(BUSY / 2, False), (BUSY * 0.9, False), (BUSY * 1.1, True), (1e5, True)])
def test_pieces_wait_for_each_other_above_a_rate(coalescing: Coalescing, clock: Clock, rate: float, busy: bool) -> None:
    pieces(coalescing, clock, rate)

    assert coalescing.busy == busy
    assert clock.slept == []


def test_the_pieces_of_few_transfers_never_wait(coalescing: Coalescing, clock: Clock) -> None:
    clock.now += 1e-3
    coalescing.passed += WINDOW
    coalescing.judge(MANY - 1)
    assert not coalescing.busy

    pieces(coalescing, clock, BUSY * 2)
    assert coalescing.busy
    coalescing.passed += WINDOW
    coalescing.breathe(MANY - 1)

    assert (clock.slept, coalescing.busy) == ([], False)


@pytest.mark.parametrize(("rate", "breath"), [(BUSY * 2, BREATH_S), (GATHERED / BREATH_S * 4, BREATH_S / 4)])
def test_a_breath_is_short_and_the_shorter_the_more_comes(
    coalescing: Coalescing, clock: Clock, rate: float, breath: float
) -> None:
    pieces(coalescing, clock, rate)
    coalescing.passed += 1

    coalescing.breathe(MANY)

    assert clock.slept == [pytest.approx(breath)]


def test_a_turn_in_which_many_pieces_came_is_not_followed_by_a_breath(coalescing: Coalescing, clock: Clock) -> None:
    pieces(coalescing, clock, BUSY * 2)

    coalescing.passed += GATHERED
    coalescing.breathe(MANY)
    assert clock.slept == []

    coalescing.passed += GATHERED - 1
    coalescing.breathe(MANY)
    assert clock.slept == [BREATH_S]


def test_when_fewer_come_nobody_waits_any_more(coalescing: Coalescing, clock: Clock) -> None:
    pieces(coalescing, clock, BUSY * 3)
    assert coalescing.busy

    pieces(coalescing, clock, BUSY / 4, WINDOW * 2)

    assert not coalescing.busy


def test_the_first_piece_after_a_rest_does_not_wait(coalescing: Coalescing, clock: Clock) -> None:
    pieces(coalescing, clock, BUSY * 2)
    clock.now += STALE_S * 1.1
    coalescing.passed += 1

    coalescing.breathe(MANY)

    assert (clock.slept, coalescing.busy) == ([], False)


def test_what_is_busy_stays_so_over_many_windows(coalescing: Coalescing, clock: Clock) -> None:
    pieces(coalescing, clock, BUSY * 2)
    for _ in range(200):
        clock.now += 1e-4
        coalescing.passed += 8  # that came within the breath
        coalescing.breathe(MANY)

    assert coalescing.busy
    assert len(clock.slept) == 200
