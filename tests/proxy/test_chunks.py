"""Chunked bodies, followed however the network cuts them."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.proxy import chunks
from codexplus_core.proxy.chunks import _LENGTHS, BrokenFraming, Chunks, is_chunk

BODIES = st.lists(st.binary(min_size=1, max_size=40) | st.sampled_from([b"\r\n", b"0\r\n\r\n", b"5\r\n"]), max_size=6)
TRAILERS = st.sampled_from([b"", b"", b"X: y\r\n", b"A: 1\r\nB: 2\r\n"])
EXTENSIONS = st.sampled_from([b"", b"", b" ", b";a=b", b" ; name"])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


@pytest.mark.wire("W19")
@given(BODIES, TRAILERS, EXTENSIONS, st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n\r\n"]), st.lists(st.integers(0, 500)))
def test_every_cut_gives_the_same_body_and_nothing_that_follows_it(
    bodies: list[bytes], trailers: bytes, extension: bytes, extra: bytes, places: list[int]
) -> None:
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(body), extension, body) for body in bodies)
    pieces = cut(wire + b"0\r\n" + trailers + b"\r\n" + extra, places)
    framed, bare = Chunks(), Chunks()

    passed = b"".join(framed.feed(piece) for piece in pieces)
    contents = b"".join(bare.bodies(piece) for piece in pieces)

    assert framed.ended
    assert bare.ended
    assert contents == b"".join(bodies)
    assert passed == wire + (b"0\r\n\r\n" if framed.closed else b"")


@given(BODIES, EXTENSIONS, st.lists(st.integers(0, 500), max_size=3))
def test_what_is_whole_chunks_is_known_without_being_taken_apart(
    bodies: list[bytes], extension: bytes, places: list[int]
) -> None:
    wire = b"".join(b"%x%b\r\n%b\n\n\r\n" % (len(body) + 2, extension, body) for body in bodies)
    looked, plain = Chunks(), Chunks()

    for piece in cut(wire, places):
        content = plain.bodies(piece)
        start, size = looked.whole(piece, b"\n\n")
        assert (start, size) == (0, 0) or size == len(content)
        if not size:
            assert looked.bodies(piece) == content
        else:
            assert piece.startswith(content.partition(b"\n\n")[0], start)

    assert bool(bodies) is looked.cut
    if bodies and not places:
        assert Chunks().whole(wire, b"\n\n")[1] == sum(len(body) + 2 for body in bodies)
        assert Chunks().whole(wire + b"0\r\n\r\n", b"\n\n") == (0, 0)


EVENT = st.integers(0, 400).map(lambda size: b"event: a\ndata: %b\n\n" % (b"x" * size))
ODD = st.sampled_from([b"\n", b"\n\n", b"a\r\nb\n\n", b"\r", b"\r\r\n", b"y" * 5000, b"0\r\n\r\n"])
SIZES = st.sampled_from([b"%x"] * 20 + [b"%X", b"%05x", b"%x ;a=b", b"%x;a\r"])
MANGLED = st.sampled_from([None, None, None, b"", b"\r", b"\n", b"X", b"\r\n", b"\n\r", b"\r\r", b"\r\n0\r\n\r\n"])
ENDS = st.sampled_from([b"", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"00\r\n\r\n"])
BEHIND = st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n\r\n", b"4\r\nEVIL\r\n", b"0\r\n\r\n", b"4\r\nEVIL\r\n0\r\n\r\n"])


def outcome(data: bytes, at_once: int, how: str) -> tuple[bytes, bool, bool, bool]:
    """The contents, whether they were broken or not, ended and were cut off."""
    chunks, given = Chunks(), b""
    try:
        for start in range(0, len(data), at_once):
            piece = data[start : start + at_once]
            at, size = chunks.whole(piece, b"\n\n") if how == "whole" else (0, 0)
            if size:
                contents = Chunks().bodies(piece)
                assert len(contents) == size
                assert contents.startswith(piece[at : at + 20].partition(b"\r")[0])
                given += contents
            else:
                given += chunks.feed(piece) if how == "feed" else chunks.bodies(piece)
    except BrokenFraming:
        return given, True, False, False
    if how == "feed":
        given = Chunks().bodies(given)  # the last chunk is among it only where it came in one piece
    return given, False, chunks.ended, chunks.cut


@pytest.mark.wire("W19")
@pytest.mark.abuse("A12")
@given(
    st.lists(st.tuples(st.just(b"%x"), EVENT), min_size=8, max_size=40)
    | st.lists(st.tuples(SIZES, EVENT | EVENT | EVENT | ODD), min_size=8, max_size=40),
    st.tuples(ENDS, BEHIND).map(b"".join),
    MANGLED,
    st.integers(0, 20_000),
    st.integers(1500, 20_000),
)
def test_a_burst_is_taken_at_once_as_it_is_in_small_pieces(
    contents: list[tuple[bytes, bytes]], end: bytes, mangled: bytes | None, place: int, size: int
) -> None:
    data = b"".join((line % len(content)) + b"\r\n" + content + b"\r\n" for line, content in contents) + end
    if mangled is not None:
        place %= len(data)
        data = data[:place] + mangled + data[place + 1 :]

    for how in ("bodies", "feed", "whole"):
        by_little, *little = outcome(data, 900, how)
        at_once, *burst = outcome(data, size, how)
        assert burst == little
        # How much of a broken one goes by depends on the pieces.
        common = min(len(at_once), len(by_little)) if burst[0] else None
        assert at_once[:common] == by_little[:common]


BURST = b"".join(b"%x\r\n%b\n\n\r\n" % (size + 2, b"x" * size) for size in range(100, 120))
CONTENTS = b"".join(b"x" * size + b"\n\n" for size in range(100, 120))


def test_a_burst_of_whole_events_is_known_to_be_one() -> None:
    assert Chunks().whole(BURST, b"\n\n") == (4, len(CONTENTS))
    assert Chunks().whole(BURST[:-1], b"\n\n") == (0, 0)
    assert Chunks().whole(BURST[:-2], b"\n\n") == (0, 0)
    assert Chunks().whole(BURST + b"0\r\n\r\n", b"\n\n") == (0, 0)
    # The line feed in front of a content is no part of an event's end.
    assert Chunks().whole(BURST + b"1\r\n\n\r\n", b"\n\n") == (0, 0)


@pytest.mark.req("P9")
@pytest.mark.parametrize("how", ["feed", "bodies", "whole"])
def test_the_chunks_of_a_burst_are_not_taken_one_by_one(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    looked: list[int] = []

    class Counted:
        def match(self, data: bytes, at: int) -> re.Match[bytes] | None:
            looked.append(at)
            return size.match(data, at)

    size = chunks._SIZE
    monkeypatch.setattr(chunks, "_SIZE", Counted())
    for data in (BURST, BURST[:1500]):
        follower = Chunks()
        _ = follower.whole(data, b"\n\n") if how == "whole" else getattr(follower, how)(data)
        assert len(looked) <= 1  # what is left over of the last one
        looked.clear()


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n"])
def test_a_burst_may_hold_the_bodys_end(end: bytes) -> None:
    framed, bare = Chunks(), Chunks()

    passed, contents = framed.feed(BURST + end + b"HTTP/1.1"), bare.bodies(BURST + end + b"HTTP/1.1")

    assert (passed, framed.ended) == (BURST, True)
    assert (contents, bare.ended) == (CONTENTS, True)
    for behind in (b"4\r\nEVIL\r\n", b"0\r\n\r\n", b"4\r\nEVIL\r\n0\r\n\r\n"):
        assert Chunks().feed(BURST + end + behind) == BURST
        assert Chunks().bodies(BURST + end + behind) == CONTENTS
        assert Chunks().whole(BURST + end + behind, b"\n\n") == (0, 0)
    closing = Chunks()
    assert (closing.feed(BURST + b"0\r\n\r\n"), closing.closed) == (BURST + b"0\r\n\r\n", True)


@pytest.mark.abuse("A12")
@pytest.mark.parametrize("behind", [b"\rX", b"X\n", b"\r", b"\n", b""])
@pytest.mark.parametrize("number", [3, 10, 19])
@pytest.mark.parametrize("part", ["size", "content"])
def test_a_wrong_line_break_within_a_burst_is_found(behind: bytes, number: int, part: str) -> None:
    lines = BURST.split(b"\r\n")
    at = len(b"\r\n".join(lines[: 2 * number + (2 if part == "content" else 1)]))
    broken = BURST[:at] + behind + BURST[at + 2 :]

    assert Chunks().whole(broken, b"\n\n") == (0, 0)
    with pytest.raises(BrokenFraming):
        Chunks().feed(broken + b"0\r\n\r\n")
    with pytest.raises(BrokenFraming):
        Chunks().bodies(broken + b"0\r\n\r\n")


@pytest.mark.abuse("A12")
@pytest.mark.parametrize(
    "data", [b"\r\r\n" * 400, BURST + b"a;x\r\r\n0123456789\r\n", b"5\r\nhello\r\n" * 200 + b"\r\r\n"]
)
@pytest.mark.parametrize("how", ["feed", "bodies"])
def test_nothing_at_all_between_two_breaks_is_broken_too(data: bytes, how: str) -> None:
    assert Chunks().whole(data, b"\n\n") == (0, 0)
    with pytest.raises(BrokenFraming):
        getattr(Chunks(), how)(data)


@pytest.mark.abuse("A12")
def test_sizes_that_are_kept_are_bounded_by_the_numbers_that_there_are() -> None:
    _LENGTHS.clear()
    for line in (b"0064", b"064", b"64 ", b"64;a=b", b"aB", b"1000", b"x", b"", b"0", b"00"):
        Chunks().whole(line + b"\r\n" + b"x" * 1100 + b"\r\n", b"\n\n")
    assert not _LENGTHS
    for number in range(1, 0x1000):
        for line in (b"%x", b"%X"):
            Chunks().whole(line % number + b"\r\n" + b"x" * 1100 + b"\r\n", b"\n\n")
    assert len(_LENGTHS) == len({line % number for number in range(1, 0x1000) for line in ("%x", "%X")})


def test_an_end_that_comes_alone_or_with_the_last_chunk_leaves_with_it() -> None:
    for pieces in ([b"1\r\nx\r\n0\r\n\r\n"], [b"1\r\nx\r\n", b"0\r\n\r\n"]):
        chunks = Chunks()
        assert b"".join(map(chunks.feed, pieces)) == b"1\r\nx\r\n0\r\n\r\n"
        assert chunks.closed


@pytest.mark.parametrize(
    "line", [b"g\r\n", b"-1\r\n", b"+1\r\n", b" 1\r\n", b"1_0\r\n", b"\r\n", b"1\n", b"f" * 16 + b"\r\n"]
)
@pytest.mark.parametrize("how", ["feed", "bodies"])
def test_what_is_no_size_is_broken(line: bytes, how: str) -> None:
    with pytest.raises(BrokenFraming):
        getattr(Chunks(), how)(line)


def test_a_size_line_without_an_end_is_broken() -> None:
    chunks = Chunks()
    with pytest.raises(BrokenFraming):
        for _ in range(100):
            chunks.feed(b"1" * 100)


def test_trailers_without_an_end_are_broken() -> None:
    chunks = Chunks()
    with pytest.raises(BrokenFraming):
        for _ in range(100):
            chunks.feed(b"0\r\n" + b"x" * 1000)


@pytest.mark.abuse("A12")
@pytest.mark.parametrize("behind", [b"\n3\r\nabc", b"\n13\r\nabc", b"\r\r\n", b"XX3\r\n", b"\rX3\r\n", b"lo\r\n"])
@pytest.mark.parametrize("at", [8, 9, 10, 20])
@pytest.mark.parametrize("how", ["feed", "bodies"])
def test_what_follows_a_chunk_is_a_line_break_and_nothing_like_it(behind: bytes, at: int, how: str) -> None:
    data = b"5\r\nhello" + behind + b"\r\n0\r\n\r\n"
    read = getattr(Chunks(), how)

    with pytest.raises(BrokenFraming, match="than its size"):
        for piece in (data[:at], data[at:]):
            read(piece)


@pytest.mark.parametrize("how", ["feed", "bodies"])
def test_a_body_is_cut_from_its_first_byte_to_its_last_chunk(how: str) -> None:
    chunks = Chunks()
    assert not chunks.cut
    for byte in b"1\r\nx\r\n0\r":
        getattr(chunks, how)(bytes([byte]))
        assert chunks.cut
    getattr(chunks, how)(b"\n")
    assert not chunks.cut


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 20, 21, 22, 261, 262, 263, 4102, 4103, 4104])
def test_what_is_as_long_as_no_chunk_is_none_whatever_it_begins_with(size: int) -> None:
    chunks = {b"%x\r\n%b\r\n" % (length, b"x" * length) for length in range(1, 4200)}
    mine = [data for data in chunks if len(data) == size]

    assert all(map(is_chunk, mine))
    for begins in (b"", b"\0", b"-", b"0\r\n"):
        data = (begins + b"-" * size)[: max(0, size - 2)] + b"\r\n"[: min(size, 2)]
        assert not is_chunk(data)
