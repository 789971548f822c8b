"""What an exchange holds back for a moment: one write in the place of two, and nothing lost or out of order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from codexplus_core.protocol.events import Event
from codexplus_core.proxy.direct import Direct
from codexplus_core.proxy.downstream import HttpDownstream
from codexplus_core.proxy.head import read_head

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
END = b"0\r\n\r\n"


class Made:
    """A connection whose writes are kept, in a loop whose turns are taken by the test."""

    known: ClassVar[dict[str, object]] = {}
    client = server = None
    ending = False

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.over: list[Direct] = []
        self._soon: list[Callable[[], None]] = []
        self.loop = self.transport = self
        self.write = self.writes.append
        self.call_soon = self._soon.append
        self.ended = self.over.append

    def turn(self) -> None:
        soon, self._soon[:] = self._soon[:], []
        for call in soon:
            call()


@pytest.fixture
def connection() -> Made:
    return Made()


@pytest.fixture
def exchange(connection: Made) -> Direct:
    head = read_head(HEAD)
    assert head is not None
    made = Direct(connection, head)  # type: ignore[arg-type]
    made.start(200, [])
    made.write(b"begun")
    connection.turn()
    connection.writes.clear()
    return made


def test_what_is_held_leaves_with_the_end(connection: Made, exchange: Direct) -> None:
    exchange.hold(b"1\r\na\r\n")
    exchange.hold(b"1\r\nb\r\n")
    exchange.end()
    connection.turn()

    assert connection.writes == [b"1\r\na\r\n1\r\nb\r\n" + END]
    assert connection.over == [exchange]


def test_what_is_held_leaves_in_the_next_turn_where_no_end_comes(connection: Made, exchange: Direct) -> None:
    exchange.hold(b"1\r\na\r\n")
    before = list(connection.writes)
    connection.turn()

    assert (before, connection.writes) == ([], [b"1\r\na\r\n"])
    assert exchange.way is not None


def test_nothing_overtakes_what_is_held(connection: Made, exchange: Direct) -> None:
    exchange.hold(b"1\r\na\r\n")
    shut = exchange.way is None
    exchange.write(b"b")
    connection.turn()

    assert shut
    assert connection.writes == [b"1\r\na\r\n1\r\nb\r\n"]


def test_nothing_is_written_to_a_client_that_has_left(connection: Made, exchange: Direct) -> None:
    exchange.hold(b"1\r\na\r\n")
    exchange.leave()
    connection.turn()

    assert connection.writes == []


def events(*kinds: str) -> list[Event]:
    return [Event(kind, raw=b"event: %b\ndata: {}\n\n" % kind.encode()) for kind in kinds]


async def test_only_an_answers_last_event_waits_for_its_end(connection: Made, exchange: Direct) -> None:
    down = downstream(exchange)
    delta, done = events("response.output_text.delta", "response.completed")
    await down.write([delta])
    await down.write([done, delta])
    first = list(connection.writes)
    await down.write([delta, done])
    await down.finish()
    connection.turn()

    assert first == [chunk(delta), chunk(done, delta)]
    assert connection.writes[2:] == [chunk(delta, done) + END]


async def test_the_end_waits_for_a_client_that_reads_slowly(connection: Made, exchange: Direct) -> None:
    told: list[dict[str, Any]] = []
    down = downstream(exchange, told)
    exchange.pause()

    await down.finish()

    assert told == [{"type": "http.response.body", "body": b"", "more_body": False}]
    assert connection.over == []


def downstream(exchange: Direct, told: list[dict[str, Any]] | None = None) -> HttpDownstream:
    async def send(message: Any) -> None:
        assert told is not None
        told.append(message)

    down = HttpDownstream(
        send, ids=lambda: "1", clock=lambda: 0.0, streams=True, model="m", keepalive_s=9.0, client=exchange
    )
    down.started = True
    return down


def chunk(*sent: Event) -> bytes:
    data = b"".join(event.raw for event in sent)
    return b"%x\r\n%b\r\n" % (len(data), data)
