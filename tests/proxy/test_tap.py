"""An answer that goes by is looked at as well as one that is read: the same events are told of, and no byte is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxy.front import fronted, on_each_loop
from proxy.test_hot_path import BODY, POST, Idle, answer_of, application
from raw_http import CHUNKED_HEAD, END, Connection, chunk, serving

from codexplus_core import Event, Exchange, Outcome, hookimpl
from codexplus_core.protocol.events import BOM
from codexplus_core.protocol.sse import Decoder, EventTooLarge
from codexplus_core.proxy import tap
from codexplus_core.proxy.tap import Tap
from codexplus_core.proxy.transport import UpstreamCut
from codexplus_core.proxy.upstream import CurlUpstream

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

    with pytest.raises(EventTooLarge):
        await passed(answer, Client())

    assert answer.closed


async def test_what_is_most_events_is_looked_at_where_it_is_asked_for() -> None:
    told: list[Event] = []
    client: Any = Client()
    answer: Any = Answer([CREATED, *[DELTA % b"a"] * 3])

    await Tap(Down(), client, frozenset({b"response.output_text.delta"}), told.append).pipe(answer)

    assert [event.type for event in told] == ["response.output_text.delta"] * 3


class Kept(Idle):
    """Keeps how exchanges end."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


@pytest.mark.req("P5", "E4")
@on_each_loop
async def test_limits_and_tokens_of_an_answer_that_goes_by_are_known_at_its_end() -> None:
    kept, sent = Kept(), CREATED + DELTA % b"a" + LIMITS + DELTA % b"b" + COMPLETED

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(sent) + END)

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", kept)) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            assert await answer_of(reader) == (sent, True)
            writer.close()
        await upstream.aclose()

    (outcome,) = kept.outcomes
    assert (outcome.error, outcome.rounds, outcome.usage.total_tokens) == (None, 1, 7)
    assert outcome.limits["x-codex-primary-used-percent"] == "4"


@pytest.mark.req("P5")
@pytest.mark.parametrize("ending", [b"", b"event: error\ndata: {}\n\n"], ids=["without an ending", "an error"])
@on_each_loop
async def test_a_response_that_fails_or_has_no_ending_is_no_success(ending: bytes) -> None:
    kept = Kept()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(CREATED) + (chunk(ending) if ending else b"") + END)

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", kept)) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            assert await answer_of(reader) == (CREATED + ending, True)
            writer.close()
        await upstream.aclose()

    assert [outcome.error for outcome in kept.outcomes] == ["failed"]


@pytest.mark.req("P5", "P6")
@pytest.mark.abuse("A17")
@on_each_loop
async def test_a_client_that_reads_too_slowly_holds_the_upstream_back_and_loses_nothing() -> None:
    count, sent = 1000, 0
    event = DELTA % (b"x" * 16_000)

    async def script(connection: Connection) -> None:
        nonlocal sent
        await connection.send(CHUNKED_HEAD + chunk(CREATED))
        for _ in range(count):
            await connection.send(chunk(event))
            sent += 1
        await connection.send(chunk(COMPLETED) + END)

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", Kept())) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            before = -1
            while sent != before:  # until everything between the two ends is full
                before = sent
                for _ in range(1000):
                    await asyncio.sleep(0)
            assert sent < count
            assert await answer_of(reader) == (CREATED + event * count + COMPLETED, True)
            writer.close()
        await upstream.aclose()
