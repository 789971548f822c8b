"""An answer that goes by is looked at as well as one that is read: the same events are told of, and no byte is lost."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxy.asked import CLOSING_HEAD, Kept, answered
from raw_http import CHUNKED_HEAD, END, Connection, chunk

from codexplus_core import Event
from codexplus_core.protocol.events import BOM
from codexplus_core.protocol.sse import Decoder, EventTooLarge
from codexplus_core.proxy import tap
from codexplus_core.proxy.tap import Tap
from codexplus_core.proxy.transport import UpstreamCut

WANTED = frozenset({b"response.completed", b"response.failed", b"error", b"codex.rate_limits"})
DELTA = b'event: response.output_text.delta\ndata: {"delta":"%b"}\n\n'
CREATED = b'event: response.created\ndata: {"response":{"error":null}}\n\n'
COMPLETED = b'event: response.completed\ndata: {"response":{"id":"r","usage":{"total_tokens":7}}}\n\n'
WINDOW = b'{"used_percent":4,"window_minutes":1,"reset_at":2}'
LIMITS = b'event: codex.rate_limits\ndata: {"rate_limits":{"primary":%b}}\n\n' % WINDOW
EVENTS = [
    DELTA % b"one",
    DELTA % b"two",
    b"event: response.function_call_arguments.delta\ndata: {}\n\n",
    CREATED,
    COMPLETED,
    LIMITS,
    b"event: error\ndata: {}\n\n",
    b"event: response.completed \ndata: {}\n\n",
    b"event: response.completedx\ndata: {}\n\n",
    b"event: xresponse.completed\ndata: event: error\n\n",
    b"event: error\r\ndata: {}\r\n\r\n",
    b"event: a.b\ndata: {}\r\revent: error\rdata: {}\n\n",
    b'data: {"type":"error"}\n\n',
    b'data: {"type":"\\u0065rror"}\n\n',
    b"event: a.b\nevent: error\ndata: {}\n\n",
    b"event: error\ndata: {\ndata: }\n\n",
    b": a comment\n\n",
    b"\n\n",
    b"event: \ndata: {}\n\n",
    b"event: error\ndata: \n\n",
    b"event: error\n\n",
    b"data: x\n",
    BOM + b"event: error\ndata: {}\n\n",
]


class Client:
    """Keeps the bytes that go out, as they are behind the framing, and in how many writes."""

    def __init__(self, fits: bool = True) -> None:
        self.got: list[bytes] = []
        self.held: list[bytes] = []
        self.fits = fits
        self.on_resume: Callable[[], None] | None = None
        self.way: Callable[[bytes], None] | None = self.take_chunks

    def take_chunks(self, data: bytes) -> None:
        while data:
            line, _, rest = data.partition(b"\r\n")
            size = int(line, 16)
            assert rest[size : size + 2] == b"\r\n"
            self.got.append(rest[:size])
            data = rest[size + 2 :]

    def hold(self, data: bytes) -> None:
        self.held.append(data)
        self.take_chunks(data)

    def write(self, data: bytes) -> bool:
        self.got.append(data)
        return self.fits


class Down:
    def __init__(self) -> None:
        self.bytes_out = 0
        self.first_byte_at: float | None = None

    def count(self, size: int) -> None:
        self.first_byte_at = self.first_byte_at or 1.0
        self.bytes_out += size


class Answer:
    """Pieces of a body, handed on as a transfer does."""

    def __init__(self, pieces: list[bytes], *, framed: bool = True, cut: bool = False) -> None:
        self._pieces, self._framed, self._cut = pieces, framed, cut
        self.closed = False
        self.quick: list[bytes] = []

    def resume(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True

    async def pipe(self, write: Callable[[bytes], bool], framed: object = None, passing: Any = None) -> None:
        for number, piece in enumerate(self._pieces):
            if number and (passing.chunk(chunk(piece)) if self._framed else passing.bare(piece)):
                self.quick.append(piece)
            else:
                assert write(piece)
            if self.closed:
                raise UpstreamCut("closed")
        if self._cut:
            raise UpstreamCut("cut")


async def passed(answer: Answer, client: Client, down: Down | None = None) -> list[tuple[str, bytes]]:
    """The events that are told of."""
    told: list[Event] = []
    way: Any = client
    await Tap(down or Down(), way, WANTED, told.append).pipe(answer)  # type: ignore[arg-type]
    return [(event.type, event.payload) for event in told]


def read(whole: bytes) -> list[tuple[str, bytes]]:
    """The events of these types that a reader finds."""
    decoder = Decoder(WANTED)
    return [(event.type, event.payload) for event in [*decoder.feed(whole), *decoder.close()] if event.type]


@pytest.mark.req("P5")
@given(
    st.lists(st.sampled_from(EVENTS), max_size=12),
    st.sampled_from([b"", b"", BOM]),
    st.sets(st.integers(1, 600), max_size=6),
    st.booleans(),
    st.booleans(),
)
async def test_what_is_told_of_is_what_a_reader_finds_however_the_stream_is_framed_and_cut(
    events: list[bytes], mark: bytes, cuts: set[int], each: bool, framed: bool
) -> None:
    whole = mark + b"".join(events)
    ends = {len(mark) + sum(map(len, events[:count])) for count in range(1, len(events))} if each else set()
    places = sorted({0, len(whole), *ends, *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in pairwise(places)]
    client, down = Client(), Down()

    told = await passed(Answer(pieces, framed=framed), client, down)

    assert told == read(whole)
    assert b"".join(client.got) == whole
    assert down.bytes_out == len(whole)
    assert client.on_resume is None


@pytest.mark.req("P6")
@pytest.mark.parametrize("framed", [True, False])
async def test_what_most_events_are_goes_by_unread_from_the_second_piece_on(framed: bool) -> None:
    other = b"event: response.reasoning_text.delta\ndata: {}\n\n"
    answer = Answer([CREATED, *[DELTA % b"a"] * 3, other, other, LIMITS, other, COMPLETED], framed=framed)

    assert [kind for kind, _ in await passed(answer, Client())] == ["codex.rate_limits", "response.completed"]

    assert answer.quick == [*[DELTA % b"a"] * 3, other, other]


async def test_where_an_event_is_not_complete_what_looks_like_another_one_is_a_part_of_it() -> None:
    pieces = [CREATED, b"data: x\n", DELTA % b"one", DELTA % b"two", COMPLETED]
    answer = Answer(pieces)

    assert await passed(answer, Client()) == read(b"".join(pieces)) != []
    assert answer.quick == [DELTA % b"two"]


async def test_the_event_that_ends_a_response_waits_for_the_bodys_end_and_no_other_does() -> None:
    client = Client()
    await passed(Answer([CREATED, LIMITS, DELTA % b"one" + COMPLETED]), client)

    assert client.held == [chunk(DELTA % b"one" + COMPLETED)]


@pytest.mark.parametrize(
    "piece",
    [COMPLETED + LIMITS, COMPLETED + DELTA % b"one", b": x\n\n" + COMPLETED + LIMITS, COMPLETED + b"event: a"],
)
async def test_it_does_so_too_where_something_else_comes_behind_it_in_its_piece(piece: bytes) -> None:
    client = Client()
    await passed(Answer([CREATED, piece]), client)

    assert client.held == [chunk(piece)]


async def test_an_event_whose_blank_line_never_came_is_told_of_at_a_clean_end() -> None:
    pieces = [CREATED, COMPLETED[:-1]]

    assert await passed(Answer(pieces), Client()) == read(b"".join(pieces)) != []


@pytest.mark.parametrize(
    "pieces", [[b"data: x\n", COMPLETED], [CREATED, BOM + COMPLETED], [CREATED, b": a\n", COMPLETED]]
)
async def test_what_comes_behind_the_beginning_of_an_event_is_read_as_its_rest(pieces: list[bytes]) -> None:
    assert await passed(Answer(pieces), Client()) == read(b"".join(pieces))


async def test_an_ending_does_not_wait_where_the_client_is_not_to_be_written_to() -> None:
    client = Client()
    client.way = None
    await passed(Answer([COMPLETED]), client)

    assert (client.held, client.got) == ([], [COMPLETED])


async def test_an_event_that_a_cut_leaves_incomplete_is_not_told_of() -> None:
    told: list[Event] = []
    client: Any = Client()
    answer: Any = Answer([CREATED, COMPLETED[:-1]], cut=True)

    with pytest.raises(UpstreamCut, match="cut"):
        await Tap(Down(), client, WANTED, told.append).pipe(answer)

    assert not told and b"".join(client.got) == CREATED + COMPLETED[:-1]
    assert client.on_resume is None


async def test_an_event_without_an_end_breaks_the_answer_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "Decoder", lambda types: Decoder(types, limit=100))
    answer = Answer([CREATED, b"event: a.b\ndata: ", b"x" * 101, b"y"])
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(EventTooLarge, match="over 100 bytes"):
            await passed(answer, Client())
        left = [found for found in gc.get_objects() if isinstance(found, Tap)]
    finally:
        gc.enable()

    assert answer.closed
    assert left == []  # with it would stay all that was read


@pytest.mark.parametrize("head", [CHUNKED_HEAD, CLOSING_HEAD], ids=["chunks", "until it closes"])
@pytest.mark.parametrize("whole", [b"event: a.b\ndata: " + b"x" * 200, CREATED + b"data: " + b"x" * 200])
async def test_it_is_a_cut_for_the_client_also_where_all_has_come_at_once(
    monkeypatch: pytest.MonkeyPatch, whole: bytes, head: bytes
) -> None:
    monkeypatch.setattr(tap, "Decoder", lambda types: Decoder(types, limit=100))
    kept, framed = Kept(), head is CHUNKED_HEAD

    async def script(connection: Connection) -> None:
        await connection.send(head + (chunk(whole) + END if framed else whole))
        if not framed:
            connection.writer.close()

    assert not (await answered(script, kept))[1]
    assert [outcome.error for outcome in kept.outcomes] == ["failed"]


async def test_what_is_most_events_is_looked_at_where_it_is_asked_for() -> None:
    told: list[Event] = []
    client: Any = Client()
    answer: Any = Answer([CREATED, *[DELTA % b"a"] * 3])

    await Tap(Down(), client, frozenset({b"response.output_text.delta"}), told.append).pipe(answer)

    assert [event.type for event in told] == ["response.output_text.delta"] * 3
