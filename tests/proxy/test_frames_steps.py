"""Much that comes at once: it is taken apart step by step, and no further than somebody reads."""

from __future__ import annotations

import asyncio
import zlib

import pytest
from proxy.test_frames import MORE, TEXT, Front, compression, frame


@pytest.mark.abuse("A18")
async def test_many_tiny_fragments_leave_the_loop_to_others_in_between() -> None:
    front = Front(limit=1 << 20)
    others = 0

    def another() -> None:
        nonlocal others
        others += 1
        asyncio.get_running_loop().call_soon(another)

    another()
    begun = frame(TEXT, b"a", fin=False)
    front.raw.write(begun + frame(MORE, fin=False) * 10_000 + frame(MORE, b"z"))

    assert await front.frames.read() == b"az"
    assert others >= 5


async def test_what_nobody_reads_is_not_unpacked_ahead() -> None:
    front = Front(compression(), limit=1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    wire = b""
    for _ in range(200):
        wire += frame(TEXT, (packer.compress(bytes(4 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4], packed=True)

    front.raw.write(wire)
    first = await front.frames.read()

    assert first == bytes(4 << 20)
    assert len(front.frames.take()) < 10


async def test_all_that_came_before_a_peer_left_is_read() -> None:
    front = Front(limit=1 << 20)
    front.raw.write(b"".join(frame(TEXT, b"%d" % n) for n in range(5000)))
    front.raw.close()

    found = []
    while (message := await front.frames.read()) is not None:
        found.append(message)

    assert found == [b"%d" % n for n in range(5000)]


async def test_what_comes_while_earlier_bytes_wait_comes_behind_them_and_nothing_is_kept_of_what_was_read() -> None:
    front = Front(limit=1 << 20)
    first, second = frame(TEXT, b"a" * 100_000) + frame(TEXT, b"b"), frame(TEXT, b"c")

    assert not front.frames._feed(first)
    front.frames._feed(second)

    assert [await front.frames.read() for _ in range(3)] == [b"a" * 100_000, b"b", b"c"]
    # An idle connection must not hold its last piece, which may be a megabyte.
    assert front.frames._unread.obj == b""
