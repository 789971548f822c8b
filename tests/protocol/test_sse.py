"""The event splitter against a slow reading of the standard, under any cut and any line ending."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.protocol.events import BOM, Event, frame
from codexplus_core.protocol.sse import Decoder, EventTooLarge

DELTA = frame("response.output_text.delta", b'{"type":"response.output_text.delta","delta":"hi"}')
DONE = frame("response.output_item.done", b'{"type":"response.output_item.done","item":{}}')
COMPLETED = frame("response.completed", b'{"type":"response.completed","response":{}}')


def decode(pieces: list[bytes], types: frozenset[bytes] | None = None) -> list[Event]:
    decoder = Decoder(types)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def by_the_standard(stream: bytes) -> list[tuple[str, bytes]]:
    """Every event with data, read line by line over the whole stream; the last one needs no blank line."""
    found: list[tuple[str, bytes]] = []
    name = b""
    data: list[bytes] = []
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    for line in [*lines, b""]:
        if line == b"":
            if data:
                payload = b"\n".join(data)
                found.append(((name or type_in(payload)).decode("utf-8", "replace"), payload))
            name, data = b"", []
            continue
        key, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if key == b"data":
            data.append(value)
        if key == b"event":
            name = value
    return found


def type_in(payload: bytes) -> bytes:
    try:
        value = json.loads(payload)
    except ValueError:  # the client skips it anyway; the splitter looks no further than the first key
        first = re.match(rb'\s*\{\s*"type"\s*:\s*"([^"\\]*)"', payload)
        return first[1] if first else b""
    return str(value.get("type") or "").encode() if isinstance(value, dict) else b""


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(stream) + 1) for place in places})
    return [stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)]


payloads = st.one_of(
    st.builds(
        lambda type, text: json.dumps({"type": type, "text": text}, ensure_ascii=False),
        st.sampled_from(["a", "b", "response.completed"]),
        st.text(alphabet='xé✓😀:\\"\n\r {}', max_size=8),
    ),
    st.sampled_from(["[DONE]", "", "{}", '{"item":1,"type":"a"}', ' {\t"type" : "b" }', "broken {", "é: x"]),
)
lines = st.one_of(
    payloads.map(lambda text: "data: " + text),
    payloads.map(lambda text: "data:" + text),
    st.sampled_from(["event: a", "event:b", "event: ", "event", "data", ": comment", ":", "id: 7", "retry: 1", "a: b"]),
)
endings = st.sampled_from(["\n", "\r\n", "\r"])
plain_events = st.builds(
    lambda type, payload: f"event: {type}\ndata: {payload}\n\n", st.sampled_from(["a", "b", "é"]), payloads
)
streams = st.builds(
    lambda bom, parts: (bom + "".join(parts)).encode(),
    st.sampled_from(["", "\ufeff"]),
    st.lists(st.one_of(plain_events, st.builds(str.__add__, lines, endings), endings), max_size=14),
)
places = st.lists(st.integers(0, 10_000), max_size=12)


@pytest.mark.wire("W19")
@given(stream=streams, places=places)
def test_events_are_those_of_the_standard_wherever_the_stream_is_cut(stream: bytes, places: list[int]) -> None:
    events = decode(cut(stream, places))

    seen = [(event.type, event.payload) for event in events if event.payload or event.type]
    assert seen == [(type, data) for type, data in by_the_standard(stream) if data or type]


@pytest.mark.wire("W2")
@given(stream=streams, places=places, types=st.sampled_from([None, frozenset(), frozenset({b"a"})]))
def test_every_byte_is_in_exactly_one_event(stream: bytes, places: list[int], types: frozenset[bytes] | None) -> None:
    events = decode(cut(stream, places), types)

    assert b"".join(event.raw for event in events) == stream
    assert all(event.raw for event in events)


@given(stream=streams, places=places)
def test_watching_finds_the_same_events_as_reading_all(stream: bytes, places: list[int]) -> None:
    watched = decode(cut(stream, places), frozenset({b"a"}))

    expected = [(event.type, event.payload) for event in decode([stream]) if event.type == "a"]
    assert [(event.type, event.payload) for event in watched if event.type] == expected


@pytest.mark.wire("W19")
@given(stream=streams)
def test_single_bytes_give_what_one_piece_gives(stream: bytes) -> None:
    whole, single = decode([stream]), decode([stream[i : i + 1] for i in range(len(stream))])

    assert [(e.type, e.payload) for e in single if e.payload] == [(e.type, e.payload) for e in whole if e.payload]


def test_an_event_is_given_out_with_its_last_byte_and_not_before() -> None:
    decoder = Decoder()

    assert decoder.feed(DELTA[:-1]) == []
    assert [event.raw for event in decoder.feed(DELTA[-1:])] == [DELTA]


def test_an_empty_piece_changes_nothing() -> None:
    pieces = [DELTA[:-1], b"", DELTA[-1:], b"", DONE]

    assert [event.raw for event in decode(pieces)] == [DELTA, DONE]


def test_what_nobody_watches_leaves_as_one_run_without_a_copy() -> None:
    chunk = DELTA * 50

    events = Decoder(frozenset({b"response.completed"})).feed(chunk)

    assert [event.type for event in events] == [""]
    assert events[0].raw is chunk
    assert events[0].payload == b""


def test_a_watched_event_parts_the_run_around_it() -> None:
    events = decode([DELTA * 3 + DONE + DELTA * 2 + COMPLETED], frozenset({b"response.output_item.done"}))

    assert [(event.type, event.raw) for event in events] == [
        ("", DELTA * 3),
        ("response.output_item.done", DONE),
        ("", DELTA * 2 + COMPLETED),
    ]


def test_the_name_of_a_watched_type_in_a_text_is_not_an_event() -> None:
    quoting = frame("response.output_text.delta", b'{"type":"response.output_text.delta","delta":"response.completed"}')

    events = decode([quoting], frozenset({b"response.completed"}))

    assert [event.type for event in events] == [""]


def test_the_type_comes_from_the_json_where_there_is_no_event_line() -> None:
    events = decode([b'data: {"type":"a"}\n\ndata: {"item":{"type":"x"},"type":"b"}\n\ndata: [DONE]\n\n'])

    assert [event.type for event in events] == ["a", "b", ""]


def test_comments_and_blank_lines_are_events_without_type_and_payload() -> None:
    events = decode([b": keep-alive\n\n\n\n" + DELTA])

    assert [(event.type, event.payload) for event in events[:-1]] == [("", b""), ("", b"")]
    assert events[-1].raw == DELTA


def test_lines_of_data_are_joined_and_read_as_one_value() -> None:
    (event,) = decode([b'event: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\n'])

    assert event.data == {"x": 1}


def test_an_event_without_its_blank_line_comes_at_the_end() -> None:
    decoder = Decoder(frozenset({b"response.completed"}))

    assert decoder.feed(COMPLETED[:-1]) == []
    assert [(event.type, event.raw) for event in decoder.close()] == [("response.completed", COMPLETED[:-1])]
    assert decoder.close() == []


def test_another_set_of_types_holds_from_the_next_bytes_on() -> None:
    decoder = Decoder(frozenset())
    first = decoder.feed(DELTA)

    decoder.watch(None)

    assert [event.type for event in [*first, *decoder.feed(DELTA)]] == ["", "response.output_text.delta"]


def test_an_event_over_the_limit_is_an_error_and_no_growing_memory() -> None:
    decoder = Decoder(limit=100)

    with pytest.raises(EventTooLarge, match="over 100 bytes"):
        for _ in range(20):
            decoder.feed(b"x" * 10)


def test_events_before_one_that_is_too_large_are_still_given_out() -> None:
    decoder = Decoder(limit=100)

    events = decoder.feed(DELTA + b"x" * 200)

    assert [event.raw for event in events] == [DELTA]
    with pytest.raises(EventTooLarge):
        decoder.feed(b"x")


def test_a_made_event_reads_like_a_received_one() -> None:
    made = Event("a", {"x": 1})

    (received,) = decode([made.raw])

    assert (received.type, received.data, received.payload) == (made.type, made.data, made.payload)
    assert made.data == {"type": "a", "x": 1}


def test_the_type_of_a_made_event_is_the_same_in_both_places() -> None:
    assert Event("a", {"type": "b"}).data == {"type": "a"}
    assert Event("a", {}).replace({"type": "b"}).raw == Event("b").raw


@pytest.mark.parametrize("behind", [b"", b"x" * 5000], ids=["small", "large"])
def test_bytes_without_a_type_that_is_asked_for_go_by_whole_and_leave_nothing_behind(behind: bytes) -> None:
    decoder = Decoder(frozenset({b"response.completed"}))
    odd = b"event: a.b\ndata: {%b}\n\n\n" % behind

    (run,) = decoder.feed(odd)

    assert (run.type, run.raw, decoder.idle) == ("", odd, True)


def test_a_byte_order_mark_stands_at_the_beginning_of_a_stream_or_is_none() -> None:
    event = BOM + b"event: a.b\ndata: {}\n\n"
    later = Decoder()
    later.begin()

    assert [each.type for each in Decoder().feed(event)] == ["a.b"]
    assert [each.type for each in later.feed(event)] == [""]


def test_a_type_whose_letters_are_written_as_numbers_is_seen() -> None:
    event = b'data: {"type":"response\\u002ecompleted"}\n\n'

    for before in (b"", b"event: a.b\ndata: {}\n\n" * 200):
        assert Decoder(frozenset({b"response.completed"})).feed(before + event)[-1].type == "response.completed"
