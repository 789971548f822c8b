"""Text messages out of an upgraded connection's bytes, and what a hostile peer can make of them."""

from __future__ import annotations

import asyncio
import struct
import zlib

import pytest

from codexplus_core.proxy import deflate as deflating
from codexplus_core.proxy import frames as framing
from codexplus_core.proxy.deflate import Deflate
from codexplus_core.proxy.frames import Frames
from codexplus_core.proxy.handshake import accepted, agreed
from codexplus_core.testing.frames import Frames as Peer
from codexplus_core.testing.pipes import pipes

TEXT, MORE, BINARY, CLOSE, PING, PONG = 1, 0, 2, 8, 9, 10
OFFER = b"permessage-deflate; client_max_window_bits"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, packed: bool = False, masked: bool = True) -> bytes:
    """A frame as a client writes it, masked with zeros."""
    size = len(payload)
    mask = 0x80 if masked else 0
    head = bytes([fin << 7 | packed << 6 | opcode])
    if size < 126:
        head += bytes([mask | size])
    elif size < 65536:
        head += struct.pack("!BH", mask | 126, size)
    else:
        head += struct.pack("!BQ", mask | 127, size)
    return head + (bytes(4) if masked else b"") + payload


def packed(data: bytes) -> bytes:
    """``data`` as the payload of a compressed message."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def compression(offer: bytes = OFFER) -> Deflate:
    """The compression that a client's offer comes to."""
    found = accepted([(b"sec-websocket-extensions", offer)], [])[1]
    assert found is not None
    return found


class Front:
    """The frames under test, and the raw end of the client."""

    def __init__(self, deflate: Deflate | None = None, *, limit: int = 64 * 1024) -> None:
        self.raw, self.inner = pipes(limit)
        self.frames = Frames(self.inner, server=True, deflate=deflate)

    async def messages(self, data: bytes) -> list[bytes]:
        """All messages that ``data`` holds; the client leaves behind it."""
        self.raw.write(data)
        found = []
        self.raw.write(frame(TEXT, b"last"))
        while (message := await self.frames.read()) not in (None, b"last"):
            found.append(message or b"")
        return found

    async def left(self, data: bytes) -> tuple[int, str] | None:
        """How the client is sent away for ``data``."""
        self.raw.write(data)
        peer = Peer(self.raw, client=True)
        while await peer.receive() is not None:
            pass
        assert self.frames.gone
        return peer.left


async def test_a_message_in_fragments_is_one_message() -> None:
    data = frame(TEXT, b"one ", fin=False) + frame(MORE, b"two ", fin=False) + frame(MORE, b"three")

    assert await Front().messages(data) == [b"one two three"]


async def test_fragments_may_be_cut_inside_a_character() -> None:
    words = "größer 🙂".encode()
    data = b"".join([frame(TEXT if at == 0 else MORE, words[at : at + 1], fin=False) for at in range(len(words))])

    assert await Front().messages(data + frame(MORE)) == [words]


async def test_bytes_may_come_one_at_a_time() -> None:
    front = Front()
    for byte in frame(TEXT, b"hello") + frame(TEXT, b"x" * 300):
        front.raw.write(bytes([byte]))

    assert [await front.frames.read(), await front.frames.read()] == [b"hello", b"x" * 300]


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_ping_between_two_fragments_is_answered_and_changes_neither(compressed: bool) -> None:
    words = b"the same words, the same words, the same words"
    wire = packed(words) if compressed else words
    half = len(wire) // 2
    front = Front(compression())

    got = await front.messages(
        frame(TEXT, wire[:half], fin=False, packed=compressed)
        + frame(PING, b"still there?")
        + frame(PONG)
        + frame(MORE, wire[half:])
    )

    assert got == [words]
    assert await front.raw.read() == frame(PONG, b"still there?", masked=False)


@pytest.mark.parametrize("fragment", [None, 3])
@pytest.mark.parametrize(
    "offer",
    [
        OFFER,
        b"permessage-deflate",
        b"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        b"permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
    ],
)
async def test_compressed_messages_go_both_ways_with_whatever_was_agreed(offer: bytes, fragment: int | None) -> None:
    lines, deflate = accepted([(b"sec-websocket-extensions", offer)], [])
    front = Front(deflate)
    peer = Peer(front.raw, client=True, deflate=agreed(lines))
    words = [b'{"n":%d,"words":"again and again and again"}' % at for at in range(5)]

    for word in words:
        peer.send(word, fragment)
        assert await front.frames.read() == word
        front.frames.write(word)
        assert await peer.receive() == word


async def test_messages_that_came_together_are_read_together_and_can_be_put_back() -> None:
    front = Front()
    front.raw.write(frame(TEXT, b"1") + frame(TEXT, b"2") + frame(TEXT, b"3"))

    assert await front.frames.read_all() == [b"1", b"2", b"3"]
    front.frames.put_back([b"2", b"3"])
    assert (await front.frames.read(), front.frames.take()) == (b"2", [b"3"])


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (4321, "größer"), (1005, "")])
async def test_a_close_frame_is_answered_and_remembered(code: int, reason: str) -> None:
    front = Front()
    payload = b"" if code == 1005 else struct.pack("!H", code) + reason.encode()
    front.raw.write(frame(TEXT, b"before") + frame(CLOSE, payload) + frame(TEXT, b"behind"))

    assert [await front.frames.read(), await front.frames.read()] == [b"before", None]
    assert (front.frames.close_code, front.frames.close_reason) == (code, reason)
    assert await front.raw.read() == frame(CLOSE, payload, masked=False)
    assert await front.raw.read() == b""


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_peer_that_goes_without_a_word_has_no_code(how: str) -> None:
    front = Front()
    getattr(front.raw, how)()

    assert await front.frames.read() is None
    assert (front.frames.gone, front.frames.close_code) == (True, None)


async def test_what_is_written_to_nobody_is_lost_in_silence() -> None:
    front = Front()
    front.raw.close()
    assert await front.frames.read() is None

    assert front.frames.write(b"to nobody")
    front.frames.close()
    front.frames.abort()
    await front.frames.drain()


async def test_somebody_who_leaves_is_told_of_while_nobody_reads() -> None:
    front = Front()
    told = asyncio.Event()
    front.frames.on_gone = told.set

    front.raw.close()
    async with asyncio.timeout(60):
        await told.wait()


async def test_what_comes_together_with_an_end_is_told_of_before_it() -> None:
    front = Front()
    told: list[bytes] = []
    ended = asyncio.Event()

    def end() -> None:
        told.append(b"the end")
        ended.set()

    front.frames.on_unread = lambda: told.extend(front.frames.take())
    front.frames.on_gone = end

    front.raw.write(frame(TEXT, b"one") + frame(TEXT, b"two") + frame(CLOSE))
    async with asyncio.timeout(60):
        await ended.wait()

    assert told == [b"one", b"two", b"the end"]


async def test_a_reason_that_is_too_long_for_its_frame_is_cut_between_characters() -> None:
    front = Front()
    front.frames.close(4000, "ö" * 200)
    peer = Peer(front.raw, client=True)

    assert await peer.receive() is None
    assert peer.left == (4000, "ö" * 61)


@pytest.mark.abuse("A12")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"hi", masked=False), 1002), (frame(TEXT, b"hi", packed=True), 1002), (frame(MORE, b"hi"), 1002),
        (frame(TEXT, b"hi", fin=False) + frame(TEXT, b"hi"), 1002), (frame(PING, b"x", fin=False), 1002),
        (frame(PING, b"x" * 126), 1002), (frame(3, b"hi"), 1002), (b"\x81\xff" + b"\xff" * 8, 1002),
        (frame(CLOSE, b"x"), 1002), (frame(CLOSE, struct.pack("!H", 1006)), 1002), (frame(CLOSE, b"\0\7"), 1002),
        (frame(TEXT, b"\xff\xfe"), 1007), (frame(TEXT, b"\xf0\x9f"), 1007), (frame(BINARY, b"hi"), 1003),
        (b"POST /v1/responses HTTP/1.1\r\n\r\n", 1002),
    ],
)  # fmt: skip
async def test_what_breaks_the_protocol_ends_the_connection_with_the_reason(data: bytes, code: int) -> None:
    front = Front()
    left = await front.left(data)

    assert left is not None and left[0] == code
    assert front.frames.close_code is None, "the peer said no such thing"


@pytest.mark.abuse("A18")
@pytest.mark.parametrize("wire", [b"\x07", b"no deflate at all"])
async def test_a_payload_that_cannot_be_unpacked_ends_the_connection(wire: bytes) -> None:
    left = await Front(compression()).left(frame(TEXT, wire, packed=True))

    assert left is not None and left[0] == 1007


@pytest.mark.abuse("A17")
async def test_a_message_may_be_as_large_as_the_limit_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MESSAGE_LIMIT", 1000)
    fits = "ö".encode() * 500

    assert await Front().messages(frame(TEXT, fits) * 2) == [fits, fits]
    left = await Front().left(frame(TEXT, fits, fin=False) + frame(MORE, b"x"))
    assert left is not None and left[0] == 1009


@pytest.mark.abuse("A18")
async def test_a_bomb_is_not_unpacked_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflating, "MESSAGE_LIMIT", 1000)
    compressed = compression()

    left = await Front(compressed).left(frame(TEXT, packed(bytes(10_000_000)), packed=True))

    assert left is not None and left[0] == 1009
    assert compressed._unpacked == 1001


@pytest.mark.abuse("A18")
async def test_the_limit_is_one_messages_not_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflating, "MESSAGE_LIMIT", 1000)
    fits = b"x" * 1000

    assert await Front(compression()).messages(frame(TEXT, packed(fits), packed=True) * 3) == [fits] * 3


@pytest.mark.abuse("A17")
async def test_messages_that_nobody_reads_hold_their_sender_back() -> None:
    front = Front()
    one = frame(TEXT, b"x" * 1000)
    sent = 0
    while front.raw.write(one * 10) and sent < 10_000:
        sent += 10
        for _ in range(3):
            await asyncio.sleep(0)

    assert 256 <= sent < 1000
    assert len(front.frames.take()) < 1000
    async with asyncio.timeout(60):
        await front.raw.drain()


@pytest.mark.abuse("A17")
async def test_pings_of_a_peer_that_reads_no_answer_hold_it_back() -> None:
    front = Front(limit=4096)
    flood = frame(PING, b"x" * 100) * 10
    for _ in range(200):
        front.raw.write(flood)
        await asyncio.sleep(0)

    assert front.raw.waiting < 3 * 4096
    assert front.inner.waiting > 100_000, "the rest waits on the way"

    got = 0
    async with asyncio.timeout(60):
        while got < 2000 * 102:
            got += len(await front.raw.read())
    assert front.inner.waiting == 0


@pytest.mark.abuse("A17")
async def test_fragments_without_end_cost_no_more_than_their_bytes() -> None:
    front = Front()
    front.raw.write(frame(TEXT, fin=False) + frame(MORE, fin=False) * 1000 + frame(MORE, b"ab", fin=False) * 1000)
    for _ in range(10):
        await asyncio.sleep(0)

    assert len(front.frames._parts) == 2000


@pytest.mark.abuse("A17")
async def test_reading_one_message_after_the_other_lets_no_more_come_than_is_read() -> None:
    front = Front()
    flood = frame(TEXT, b"x" * 10) * 1000
    async with asyncio.timeout(60):
        for _ in range(200):
            front.raw.write(flood)
            assert await front.frames.read() == b"x" * 10
            await asyncio.sleep(0)

    assert len(front.frames.take()) < 10_000


@pytest.mark.abuse("A18")
async def test_what_comes_behind_a_final_block_is_not_kept() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    final = packer.compress(b"{}") + packer.flush()

    left = await Front(compression()).left(
        frame(TEXT, final, fin=False, packed=True) + frame(MORE, b"x" * 1000, fin=False) * 10
    )

    assert left is not None and left[0] == 1007


async def test_a_message_may_end_with_a_final_block_and_the_next_one_is_read_too() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    final = packer.compress(b"one") + packer.flush() + b"\0"

    data = frame(TEXT, final, packed=True) + frame(TEXT, packed(b"two"), packed=True)
    assert await Front(compression()).messages(data) == [b"one", b"two"]
