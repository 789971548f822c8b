"""Where many small pieces come, they go by together; where few come, none of them waits."""

from __future__ import annotations

import pytest

from codexplus_core.proxy.coalescing import (
    BREATH_S,
    BUSY,
    GATHERED,
    HEAVY,
    HEAVY_BREATH_S,
    HEAVY_GATHERED,
    HEAVY_WINDOW,
    MANY,
    STALE_S,
    WINDOW,
    Coalescing,
)


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


class Streams:
    """So many transfers, of which each passes a piece on in its turn."""

    def __init__(self, coalescing: Coalescing, clock: Clock, transfers: int = MANY) -> None:
        self.coalescing = coalescing
        self.clock = clock
        self.windows = [-1] * transfers
        self.next = 0

    def turn(self, pieces: int) -> None:
        """A turn of the loop with so many pieces, as the loop's steps tell of them."""
        for _ in range(pieces):
            self.next = (self.next + 1) % len(self.windows)
            self.windows[self.next] = self.coalescing.count(1, 200, self.windows[self.next])
        if self.coalescing.busy:
            self.coalescing.breathe()
        elif self.coalescing.passed >= WINDOW:
            self.coalescing.judge()

    def at(self, rate: float, pieces: int = WINDOW) -> None:
        """So many pieces at a rate, two in each turn."""
        for _ in range(pieces // 2):
            self.clock.now += 2 / rate
            self.turn(2)


@pytest.fixture
def streams(coalescing: Coalescing, clock: Clock) -> Streams:
    return Streams(coalescing, clock)


@pytest.mark.parametrize(("rate", "busy"), [(BUSY / 2, False), (BUSY * 0.9, False), (BUSY * 1.1, True), (1e5, True)])
def test_pieces_wait_for_each_other_above_a_rate(streams: Streams, clock: Clock, rate: float, busy: bool) -> None:
    streams.at(rate)

    assert streams.coalescing.busy == busy
    assert clock.slept == []


def test_the_pieces_of_few_transfers_never_wait(coalescing: Coalescing, clock: Clock, streams: Streams) -> None:
    few = Streams(coalescing, clock, MANY - 1)
    few.at(BUSY * 2, WINDOW * 4)
    assert clock.slept == []

    streams.at(BUSY * 2)
    assert coalescing.busy
    few.turn(WINDOW)
    assert (clock.slept, coalescing.busy) == ([], False)


@pytest.mark.parametrize(("rate", "breath"), [(BUSY * 2, BREATH_S), (GATHERED / BREATH_S * 4, BREATH_S / 4)])
def test_a_breath_is_short_and_the_shorter_the_more_comes(
    streams: Streams, clock: Clock, rate: float, breath: float
) -> None:
    streams.at(rate)

    streams.turn(1)

    assert clock.slept == [pytest.approx(breath)]


def test_a_turn_in_which_many_pieces_came_is_not_followed_by_a_breath(streams: Streams, clock: Clock) -> None:
    streams.at(BUSY * 2)

    streams.turn(GATHERED)
    assert clock.slept == []

    streams.turn(GATHERED - 1)
    assert clock.slept == [BREATH_S]


def test_pieces_of_one_transfer_that_gather_are_as_many(coalescing: Coalescing, clock: Clock, streams: Streams) -> None:
    streams.at(BUSY * 2)

    streams.windows[0] = coalescing.count(GATHERED, GATHERED * 200, streams.windows[0])
    coalescing.breathe()

    assert clock.slept == []


def test_when_fewer_come_nobody_waits_any_more(coalescing: Coalescing, streams: Streams) -> None:
    streams.at(BUSY * 3)
    assert coalescing.busy

    streams.at(BUSY / 4, WINDOW * 2)

    assert not coalescing.busy


@pytest.mark.parametrize("pieces", [0, 1])
def test_where_hardly_a_small_piece_comes_it_is_soon_over(
    coalescing: Coalescing, clock: Clock, streams: Streams, pieces: int
) -> None:
    """Turns go on, as large pieces and answers of one piece come; neither is counted."""
    streams.at(BUSY * 2)
    turns = 0
    while coalescing.busy:
        clock.now += 1e-3
        streams.turn(pieces)
        turns += 1

    assert turns <= STALE_S / 1e-3


def test_the_first_piece_after_a_rest_does_not_wait(coalescing: Coalescing, clock: Clock, streams: Streams) -> None:
    streams.at(BUSY * 2)
    clock.now += STALE_S * 1.1

    streams.turn(1)

    assert (clock.slept, coalescing.busy) == ([], False)


def test_what_is_busy_stays_so_over_many_windows(coalescing: Coalescing, clock: Clock, streams: Streams) -> None:
    streams.at(BUSY * 2)
    for _ in range(200):
        clock.now += 1e-4
        streams.turn(8)  # that came within the breath

    assert coalescing.busy
    assert len(clock.slept) == 200


PIECE = 8 * 1024


class Bursts:
    """Larger pieces, whoever passes them on."""

    def __init__(self, coalescing: Coalescing, clock: Clock) -> None:
        self.coalescing = coalescing
        self.clock = clock

    def turn(self, size: int) -> None:
        """A turn of the loop in which so many bytes came."""
        for _ in range(size // PIECE):
            self.coalescing.count(1, PIECE, -1)
        if self.coalescing.busy:
            self.coalescing.breathe()

    def at(self, rate: float, size: int = HEAVY_WINDOW) -> None:
        """So many bytes at a rate, a piece in each turn."""
        for _ in range(size // PIECE):
            self.clock.now += PIECE / rate
            self.turn(PIECE)


@pytest.fixture
def bursts(coalescing: Coalescing, clock: Clock) -> Bursts:
    return Bursts(coalescing, clock)


@pytest.mark.parametrize(("rate", "busy"), [(HEAVY / 2, False), (HEAVY * 0.9, False), (HEAVY * 1.1, True), (1e9, True)])
def test_larger_pieces_wait_for_each_other_above_a_rate(bursts: Bursts, rate: float, busy: bool) -> None:
    bursts.at(rate)

    assert bursts.coalescing.busy == busy


def test_a_burst_after_a_rest_is_none_until_it_has_lasted(bursts: Bursts, clock: Clock) -> None:
    clock.now += 60.0
    bursts.at(HEAVY * 10)
    assert not bursts.coalescing.busy

    bursts.at(HEAVY * 10)
    assert bursts.coalescing.busy


def test_a_turn_with_many_bytes_is_not_followed_by_a_breath(bursts: Bursts, clock: Clock) -> None:
    bursts.at(HEAVY * 2)
    clock.slept.clear()

    bursts.turn(HEAVY_GATHERED)
    assert clock.slept == []

    bursts.turn(HEAVY_GATHERED - PIECE)
    assert clock.slept == [HEAVY_BREATH_S]


@pytest.mark.parametrize("size", [0, PIECE])
def test_when_a_burst_is_over_nobody_waits_any_more(
    coalescing: Coalescing, bursts: Bursts, clock: Clock, size: int
) -> None:
    bursts.at(HEAVY * 3)
    assert coalescing.busy
    for _ in range(int(STALE_S / 2e-3)):
        clock.now += 2e-3
        bursts.turn(size)

    assert [coalescing.busy] == [False]


def test_a_burst_that_goes_on_stays_one(bursts: Bursts, clock: Clock) -> None:
    bursts.at(HEAVY * 2)
    for _ in range(200):
        clock.now += 1e-4
        bursts.turn(2 * PIECE)  # that came within the breath

    assert bursts.coalescing.busy


def test_bursts_and_small_pieces_are_judged_each_by_itself(
    coalescing: Coalescing, bursts: Bursts, streams: Streams, clock: Clock
) -> None:
    bursts.at(HEAVY * 2)
    streams.at(BUSY / 4, WINDOW * 2)
    assert not coalescing.busy  # the burst is over by then, and the pieces are few

    for _ in range(50):
        clock.now += 1e-4
        streams.turn(8)
    clock.slept.clear()
    coalescing.count(1, HEAVY_GATHERED - 1, -1)
    coalescing.breathe()
    coalescing.count(1, HEAVY_GATHERED, -1)
    coalescing.breathe()
    assert clock.slept == [BREATH_S]  # a turn with many bytes is worth no further wait either
    for _ in range(50):
        clock.now += 1e-4
        streams.turn(8)
    assert coalescing.busy  # for the small pieces' sake alone
