"""Knowing where frames end, however their bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxy.test_frames import CLOSE, MORE, PING, TEXT, frame

from codexplus_core.proxy.frame_edge import FrameEdge, frame_end

FRAMES = st.builds(
    lambda opcode, size, fin, masked: frame(opcode, bytes(size), fin=fin, masked=masked),
    st.sampled_from([TEXT, MORE, PING, CLOSE]),
    st.sampled_from([0, 1, 125, 126, 300, 65535, 65536]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(FRAMES, min_size=1, max_size=4), st.lists(st.integers(0, 200_000), max_size=8))
def test_it_stands_between_frames_exactly_where_one_ends(frames: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(frames)
    ends = {sum(map(len, frames[:count])) for count in range(len(frames) + 1)}
    # Cuts within a head are what is hard, so each frame's first bytes are cut, too.
    places = sorted(
        {0, len(wire), *(cut % (len(wire) + 1) for cut in cuts), *(end + 1 for end in ends if end < len(wire))}
    )
    edge = FrameEdge()

    for start, end in itertools.pairwise(places):
        edge.feed(wire[start:end])

        assert edge.between is (end in ends)


def test_byte_by_byte_it_is_the_same() -> None:
    wire = frame(TEXT, bytes(300)) + frame(PING, b"", masked=False)
    edge = FrameEdge()
    found = []

    for at in range(len(wire)):
        edge.feed(wire[at : at + 1])
        found.append(edge.between)

    assert [at for at, between in enumerate(found, 1) if between] == [len(wire) - 2, len(wire)]


@pytest.mark.parametrize("size", [5, 300, 70_000])
def test_a_head_that_is_not_all_here_tells_no_end(size: int) -> None:
    wire = frame(TEXT, bytes(size), masked=False)
    head = len(wire) - size

    assert [frame_end(wire[:here], 0) for here in range(head)] == [0] * head
    assert frame_end(wire[:head], 0) == len(wire)
