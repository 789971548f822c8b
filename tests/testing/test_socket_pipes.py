"""A connection in memory behaves as a Duplex: bounded, and clear about how it ended; frames go over it whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from wsproto.frame_protocol import CloseReason

from codexplus_core.proxy.transport import Duplex
from codexplus_core.testing.frames import Frames, accept_deflate, agreed_deflate
from codexplus_core.testing.pipes import Pipe, pipes

OFFER = "permessage-deflate; client_max_window_bits"


async def test_bytes_go_both_ways_and_end_well() -> None:
    one, other = pipes()
    end: Duplex = one

    end.write(b"up")
    other.write(b"down")
    other.write(b"stairs")
    got = await one.read(), await other.read()
    one.write(b"last")
    one.close()
    one.close()

    assert got == (b"downstairs", b"up")
    assert (await other.read(), await other.read(), await one.read()) == (b"last", b"", b"")
    assert other.write(b"lost") and one.write(b"lost")
    await other.drain()


async def test_a_broken_connection_is_an_error_for_the_other_end_alone() -> None:
    one, other = pipes()
    one.write(b"before")

    one.abort()

    assert await other.read() == b"before"
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await other.read()
    assert await one.read() == b""


async def test_a_full_pipe_says_so_until_it_is_read() -> None:
    one, other = pipes(limit=10)

    assert one.write(b"12345") and not one.write(b"67890")
    draining = asyncio.ensure_future(one.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    await other.read()

    async with asyncio.timeout(60):
        await draining
    assert one.write(b"1")


@pytest.mark.parametrize("leave", [Pipe.close, Pipe.abort])
async def test_an_end_wakes_whoever_waits(leave: Callable[[Pipe], None]) -> None:
    one, other = pipes(limit=1)
    one.write(b"full")
    draining, reading = asyncio.ensure_future(one.drain()), asyncio.ensure_future(one.read())
    await asyncio.sleep(0)

    leave(other)

    async with asyncio.timeout(60):
        await draining
        if leave is Pipe.close:
            assert await reading == b""
        else:
            with pytest.raises(ConnectionError):
                await reading


async def test_a_pipe_hands_on_until_it_is_told_to_wait() -> None:
    one, other = pipes(limit=4)
    got: list[bytes] = []

    def write(data: bytes) -> bool:
        got.append(data)
        return len(got) != 2

    one.write(b"a")
    piped = other.pipe(write)
    one.write(b"b")
    one.write(b"c")
    one.write(b"ddd")
    await asyncio.sleep(0)
    assert got == [b"a", b"b"] and not one.write(b"e")
    other.resume()
    one.close()

    async with asyncio.timeout(60):
        await piped
    assert got == [b"a", b"b", b"c", b"ddd", b"e"]


async def test_a_pipe_that_broke_ends_with_the_error() -> None:
    one, other = pipes()
    piped = other.pipe(lambda data: True)

    one.abort()

    with pytest.raises(ConnectionError):
        async with asyncio.timeout(60):
            await piped


def sides(*, deflate: bool) -> tuple[Frames, Frames]:
    one, other = pipes()
    agreed = accept_deflate(OFFER) if deflate else None
    client = Frames(one, client=True, deflate=agreed_deflate(agreed[1]) if agreed else None)
    return client, Frames(other, client=False, deflate=agreed[0] if agreed else None)


@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("fragment", [None, 1, 7])
async def test_messages_arrive_whole_however_they_are_cut(deflate: bool, fragment: int | None) -> None:
    client, server = sides(deflate=deflate)
    messages = [b"", "grüße 🙂".encode(), b"x" * 125, b"y" * 126]

    for message in messages:
        client.send(message, fragment)
        server.send(message, fragment)

    async with asyncio.timeout(60):
        assert [await server.receive() for _ in messages] == messages
        assert [await client.receive() for _ in messages] == messages


@pytest.mark.parametrize("deflate", [True, False])
async def test_large_messages_arrive(deflate: bool) -> None:
    client, server = sides(deflate=deflate)
    large = bytes(range(97, 123)) * 4000

    client.send(large)

    async with asyncio.timeout(60):
        assert await server.receive() == large


async def test_pings_are_answered_between_fragments() -> None:
    client, server = sides(deflate=False)

    server.ping(b"one")
    server.send(b"hello")

    async with asyncio.timeout(60):
        assert await client.receive() == b"hello"
        client.send(b"back")
        assert await server.receive() == b"back"
    assert (client.pings, server.pongs) == ([b"one"], [b"one"])


async def test_a_close_frame_is_read_and_answered() -> None:
    client, server = sides(deflate=False)

    server.close(4321, "bye")

    assert await client.receive() is None
    assert client.left == (4321, "bye") and not client.open
    assert await client.receive() is None


async def test_bytes_that_are_no_websocket_are_noticed() -> None:
    client, server = sides(deflate=False)

    server.channel.write(b"\x81\x81aaaax")

    assert await client.receive() is None
    assert client.broken is not None
    assert await server.receive() is None
    assert server.left is not None and server.left[0] == CloseReason.PROTOCOL_ERROR


def test_compression_that_was_not_offered_is_an_error() -> None:
    assert agreed_deflate(None) is None and accept_deflate("x-other") is None
    with pytest.raises(ConnectionError):
        agreed_deflate("x-other")
