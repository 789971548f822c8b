"""Chunked bodies, followed however the network cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.proxy.chunks import BrokenFraming, Chunks

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
