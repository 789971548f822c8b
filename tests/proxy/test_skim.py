"""The shortest way for events in which nobody looks: nothing that somebody watches may take it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.protocol.sse import Decoder
from codexplus_core.proxy.chunks import Chunks
from codexplus_core.proxy.skim import Skim

WATCHED = frozenset({b"response.completed", b"error"})
TYPES = st.sampled_from([b"response.output_text.delta", b"response.completed", b"error", b"keepalive", b"a.b"])
PIECES = st.sampled_from(
    [b"{}", b'"', b"x", b"data: y", b"\n", b"\n\n", b"\r", b"\r\n", b"event: error", b"event: a.b\ndata: {}\n\n", b":"]
)
DATA = st.lists(PIECES, max_size=5).map(b"".join)
EVENTS = st.builds(lambda kind, data: b"event: %b\ndata: %b\n\n" % (kind, data), TYPES, DATA)
DELTA = b'event: response.output_text.delta\ndata: {"delta":"%b"}\n\n'


class Client:
    """Keeps what goes out; ``shut`` is a client that reads too slowly, or whose head is not out."""

    def __init__(self, *, shut: bool = False) -> None:
        self.sent: list[bytes] = []
        self.way = None if shut else self.sent.append


class Down:
    def __init__(self, begun: float | None = 0.0) -> None:
        self.bytes_out = 0
        self.first_byte_at = begun

    def count(self, size: int) -> None:
        self.first_byte_at = 1.0
        self.bytes_out += size


def skim(client: Client, begun: float | None = 0.0) -> Skim:
    made = Skim(Down(begun), client)  # type: ignore[arg-type]  # more than that it asks of no client
    made.watch(WATCHED)
    return made


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def seen_in(data: bytes) -> set[bytes]:
    """The types that a reader of all events finds."""
    decoder = Decoder(None)
    return {event.type.encode() for event in [*decoder.feed(data), *decoder.close()]}


@pytest.mark.req("P6")
@given(st.lists(EVENTS, max_size=12), st.booleans())
def test_nothing_that_is_watched_goes_by_unseen(events: list[bytes], framed: bool) -> None:
    client = Client()
    passing = skim(client)
    gone = b""

    for event in events:
        piece = chunk(event) if framed else event
        quick = passing.chunk if framed else passing.bare
        if quick(piece) or passing.take(piece, piece.index(b"\r\n") + 2 if framed else 0, len(event)):
            gone += event
            assert not seen_in(event) & WATCHED
            assert client.sent[-1] == chunk(event)

    assert passing.count == len(gone)
    assert b"".join(client.sent) == b"".join(map(chunk, [event for event in events if chunk(event) in client.sent]))


@pytest.mark.req("P6")
@given(st.lists(st.lists(EVENTS, min_size=1, max_size=4), max_size=6))
def test_nothing_that_is_watched_goes_by_unseen_among_others(pieces: list[list[bytes]]) -> None:
    client = Client()
    passing = skim(client)
    gone = b""

    for events in pieces:
        piece, whole = b"".join(map(chunk, events)), b"".join(events)
        sent = len(client.sent)
        if passing.chunk(piece) or passing.take(piece, piece.index(b"\r\n") + 2, len(whole)):
            gone += whole
            assert not set().union(*map(seen_in, events)) & WATCHED
            assert client.sent[sent:] == [piece]
        else:
            assert len(client.sent) == sent

    assert passing.count == len(gone)


def test_several_events_of_the_type_of_the_one_before_are_not_taken_apart() -> None:
    client = Client()
    passing = skim(client)
    first, others = DELTA % b"one", [DELTA % b"two", DELTA % b"", DELTA % (b"three" * 900), DELTA % b"two"]
    piece = b"".join(map(chunk, others))

    assert passing.take(chunk(first) + piece, 4, len(first + b"".join(others)))
    assert passing.chunk(piece)

    assert client.sent == [chunk(first) + piece, piece]
    assert passing.count == len(first) + 2 * len(b"".join(others))


@pytest.mark.parametrize("framed", [True, False])
def test_what_most_answers_are_made_of_goes_by_at_once(framed: bool) -> None:
    client = Client()
    passing = skim(client)
    quick, event = passing.chunk if framed else passing.bare, DELTA % b"one"

    assert quick(chunk(event) if framed else event)

    assert client.sent == [chunk(event)]
    passing.watch(WATCHED | {b"response.output_text.delta"})
    assert not quick(chunk(event) if framed else event)
    passing.watch(None)
    assert not quick(chunk(event) if framed else event)


def test_the_end_of_the_body_is_for_a_reader_with_all_that_came_with_it() -> None:
    chunks, end = Chunks(), chunk(DELTA % b"one") + b"0\r\n\r\n"

    assert chunks.whole(end, b"\n\n") == (0, 0)
    assert chunks.bodies(end) == DELTA % b"one"
    assert chunks.ended


def test_a_long_name_is_nothing_to_expect() -> None:
    client = Client()
    passing = skim(client)
    event = b"event: %b\ndata: {}\n\n" % (b"x" * 1000)

    assert passing.take(chunk(event), 5, len(event))
    assert not passing.chunk(chunk(event))


@pytest.mark.parametrize("framed", [True, False])
def test_an_event_of_the_type_of_the_one_before_is_not_taken_apart(framed: bool) -> None:
    client = Client()
    passing = skim(client)
    other = DELTA.replace(b"output_text", b"reasoning_text")
    quick, first, second = passing.chunk if framed else passing.bare, other % b"one", other % (b"two" * 90)

    assert not quick(chunk(first) if framed else first)
    assert passing.take(chunk(first) if framed else first, 4 if framed else 0, len(first))
    assert quick(chunk(second) if framed else second)

    assert client.sent == [chunk(first), chunk(second)]
    assert passing.count == len(first + second)


@pytest.mark.parametrize(
    "odd",
    [
        chunk(DELTA % b"x")[:-1],  # the rest is still to come
        chunk(DELTA % b"x") + chunk(DELTA % b"y")[:-1],
        chunk(DELTA % b"x") + chunk(b"event: error\ndata: {}\n\n"),
        chunk(DELTA % b"x") + chunk(DELTA % b"y").replace(b"\r\n", b"\r\n\r\n", 1),
        chunk(DELTA % b"x") + chunk(DELTA % b"y\r\ry") + chunk(DELTA % b"z"),
        chunk(DELTA % b"x") + b"0\r\n\r\n",
        chunk(DELTA % b"x") + b"\n\n\r\n",
        b"\n\n\r\n",
        chunk(DELTA % b"x" + b"event: error\ndata: {}\n\n"),
        chunk(b"event: response.output_text.delta\ndata: {}\r\revent: error\rdata: {}\n\n"),
        chunk((DELTA % b"one")[:-2] + b"xx"),  # as long as one, without an end
        chunk(b"event: error\ndata: {}\n\n"),
        b"1" + chunk(DELTA % b"x"),
        chunk(DELTA % b"x").replace(b"\r\n", b";a=b\r\n", 1),
        b"0\r\n\r\n",
        b"",
    ],
)
def test_whatever_is_no_usual_event_is_left_to_a_closer_look(odd: bytes) -> None:
    client = Client()
    passing = skim(client)
    passing.take(chunk(DELTA % b"one"), 4, len(DELTA % b"one"))
    passing.chunk(chunk(DELTA % b"one"))

    assert not passing.chunk(odd)

    assert len(client.sent) == 2


def test_other_types_are_looked_for_as_soon_as_they_are_asked_for() -> None:
    client = Client()
    passing = skim(client)
    event = DELTA % b"one"
    passing.take(chunk(event), 4, len(event))
    passing.chunk(chunk(event))

    passing.watch(WATCHED | {b"response.output_text.delta"})

    assert not passing.chunk(chunk(event))
    assert not passing.take(chunk(event), 4, len(event))
    passing.watch(None)
    assert not passing.take(chunk(event), 4, len(event))


@pytest.mark.parametrize("framed", [True, False])
def test_a_line_that_ends_with_a_carriage_return_may_be_the_name_of_a_type(framed: bool) -> None:
    passing = skim(Client())
    event = b"event: a.b\ndata: {}\r\revent: error\rdata: {}\n\n"

    assert not passing.take(chunk(event) if framed else event, 4 if framed else 0, len(event))


def test_where_types_take_turns_every_byte_is_counted_once() -> None:
    client = Client()
    passing = skim(client)
    one, other = b"event: a.b\ndata: {}\n\n", b"event: a.bcd\ndata: \n\n"
    assert len(one) == len(other)

    for event in (one, one, other, one, other):
        assert passing.chunk(chunk(event)) or passing.take(chunk(event), 4, len(event))

    assert client.sent == list(map(chunk, (one, one, other, one, other)))
    assert passing.count == 5 * len(one)


def test_a_client_that_reads_too_slowly_gets_no_more() -> None:
    client = Client()
    passing = skim(client)
    event = DELTA % b"one"
    passing.take(chunk(event), 4, len(event))

    client.way = None

    assert not passing.chunk(chunk(event))
    assert not passing.chunk(chunk(event) * 2)


@pytest.mark.parametrize("framed", [True, False])
def test_an_answer_that_begins_with_what_most_are_made_of_begins_where_its_time_is_noted(framed: bool) -> None:
    passing = skim(Client(), None)
    quick, one = passing.chunk if framed else passing.bare, DELTA % b"one"

    for event in (one, b"\0\n\n"):
        assert not quick(chunk(event) if framed else event)
    assert passing.take(*((chunk(one), 4, len(one)) if framed else (one, 0, len(one))))
    assert passing._down.first_byte_at == 1.0
    assert quick(chunk(one) if framed else one)


@pytest.mark.parametrize("name", [b"", b"a" * 100])
def test_what_cannot_be_expected_lets_nothing_go_by(name: bytes) -> None:
    passing, event = skim(Client()), DELTA % b"one"
    passing.expect(b"response.output_text.delta")
    assert passing.chunk(chunk(event))

    passing.expect(name)

    for one in (event, b"event: %b\ndata: {}\n\n" % name):
        assert not passing.chunk(chunk(one)) and not passing.bare(one)


CREATED = b'event: response.created\ndata: {"response":{"error":null}}\n\n'


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize(
    "hidden",
    [
        b"event: error\ndata: {}\n\n",
        b"event: a.b\ndata: {}\nevent: error\ndata: {}\n\n",
        b'data: {"type":"error"}\n\n',
        b"event: a.b\nevent: error\ndata: {}\n\n",
        b"event:error\ndata: {}\n\n",
        b'data: {"type":"\\u0065rror"}\n\n',
        b'data: {"type":"response\\u002ecompleted"}\n\n',
    ],
)
def test_a_type_is_found_however_it_is_said(hidden: bytes, framed: bool) -> None:
    for events in ([hidden], [hidden, CREATED], [CREATED, hidden]):
        piece, whole = b"".join(map(chunk if framed else bytes, events)), b"".join(events)

        assert not skim(Client()).take(piece, piece.index(b"\r\n") + 2 if framed else 0, len(whole))


def test_a_client_that_cannot_take_it_gets_nothing() -> None:
    client = Client(shut=True)
    passing = skim(client)
    event = DELTA % b"one"

    assert not passing.take(chunk(event), 4, len(event))
    assert not passing.chunk(chunk(event))
    assert not passing.bare(event)

    assert client.sent == []
    assert passing.count == 0
