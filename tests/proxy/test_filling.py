"""A large body that is wanted whole, on its way into one piece."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from proxy.front import Front, answer, answered, fronted, on_each_loop, read_request, until

from codexplus_core.proxy.arriving import LARGE, Arriving
from codexplus_core.proxy.filling import Filling
from codexplus_core.proxy.passthrough import Receive, Send, client_of

READ_AHEAD = 256 * 1024
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
SIZE = 3_000_000
BODY = bytes(range(250)) * (SIZE // 250)


class Connection:
    """What a filling tells its connection."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def data_received(self, data: bytes) -> None:
        self.told.append(data)


def connection_of(front: Front) -> Any:
    (connection,) = front.worker.connections
    return connection


def filling(connection: Any, size: int, *here: bytes) -> tuple[Filling, Arriving]:
    arriving = Arriving(connection, size)
    for part in here:
        arriving.feed(part)
    into = Filling(connection)
    into.fill(arriving, size, here)
    return into, arriving


def give(into: Filling, data: bytes) -> None:
    """As the loops do it: as much as there is room for, then again."""
    while data:
        room = into.get_buffer(len(data))
        taken = min(len(room), len(data))
        room[:taken] = data[:taken]
        into.buffer_updated(taken)
        data = data[taken:]


def test_what_was_here_before_and_what_comes_later_make_up_the_whole() -> None:
    connection = Connection()
    into, arriving = filling(connection, 10, b"ab", b"cd")
    arriving._parts.clear()

    give(into, b"efg")
    assert (arriving.left, arriving.whole_body(), connection.told) == (3, None, [])
    give(into, b"hij")

    assert connection.told == []
    assert arriving.left == 0
    assert arriving.whole_body() == b"abcdefghij"


def test_what_comes_before_and_behind_a_body_is_the_connections() -> None:
    connection = Connection()
    into = Filling(connection)  # type: ignore[arg-type]

    give(into, b"POST /")
    arriving = Arriving(connection, 3)  # type: ignore[arg-type]
    into.fill(arriving, 3, [])
    give(into, b"abcGET /")
    give(into, b" HTTP")

    assert connection.told == [b"POST /", b"GET /", b" HTTP"]
    assert arriving.whole_body() == b"abc"


def test_the_connection_keeps_its_bytes_when_the_room_for_them_is_used_again() -> None:
    connection = Connection()
    into = Filling(connection)  # type: ignore[arg-type]

    give(into, b"first")
    give(into, b"other")

    assert connection.told == [b"first", b"other"]


def test_a_filling_that_is_done_holds_neither_the_body_nor_the_exchange() -> None:
    into, arriving = filling(Connection(), 3)

    give(into, b"abc")

    gc.collect()
    held = gc.get_referents(into, into.__dict__)
    assert b"abc" not in held and arriving not in held


@on_each_loop
async def test_every_byte_of_a_large_body_is_in_its_place_wherever_the_network_cuts_it() -> None:
    whole: list[bytes | None] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        whole.append(await client.gather_body())
        await answer(send)

    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % SIZE)
        for start, end in ((0, 1), (1, 70_000), (70_000, SIZE - 1), (SIZE - 1, SIZE)):
            writer.write(BODY[start:end])
            await writer.drain()
        assert await reader.readexactly(len(answered())) == answered()
        writer.close()

    assert whole == [BODY]


@on_each_loop
async def test_a_large_body_waits_for_whoever_wants_it_whole_to_say_so() -> None:
    reading: list[bool] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        (connection,) = front.worker.connections
        reading.append(connection.transport.is_reading())
        await answer(send, await read_request(receive))

    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % SIZE + BODY)

        assert await reader.readexactly(len(answered(BODY))) == answered(BODY)
        writer.close()

    assert reading == [False]


@on_each_loop
@pytest.mark.abuse("A17")
async def test_of_a_large_body_that_nobody_asks_for_a_part_is_read_ahead() -> None:
    ahead: list[int] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        (connection,) = front.worker.connections
        await asyncio.sleep(0)
        await until(lambda: not connection.transport.is_reading())
        assert connection._now is not None
        ahead.append(SIZE - connection._now.left)
        await answer(send)

    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % SIZE + BODY)

        assert await reader.readexactly(len(answered()))
        writer.transport.abort()

    assert 0 < ahead[0] < 2 * READ_AHEAD


@on_each_loop
async def test_a_client_that_leaves_is_noticed_while_nobody_asks_for_its_large_body() -> None:
    left = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        client.on_gone = left.set
        begun.set()
        await left.wait()

    begun = asyncio.Event()
    async with fronted(app) as front:
        _, writer = await front.connect(HEAD % (2 * LARGE))
        await begun.wait()
        writer.write(BODY[:LARGE])
        writer.close()
        await left.wait()


@on_each_loop
async def test_an_answer_reaches_a_client_whose_large_body_nobody_read() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await until(lambda: all_sent.is_set() and connection_of(front)._now.left == 0)
        await answer(send)

    all_sent = asyncio.Event()
    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % 200_000)
        writer.write(BODY[:200_000])
        all_sent.set()

        assert await reader.readexactly(len(answered())) == answered()
        writer.close()


@on_each_loop
async def test_the_rest_of_a_body_of_which_a_part_was_taken_comes_in_one_piece() -> None:
    got: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        first = await receive()
        got.append(first["body"] + (await client.gather_body() or b""))
        await answer(send)

    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % SIZE + BODY[:100])
        writer.write(BODY[100:])
        assert await reader.readexactly(len(answered()))
        writer.close()

    assert got == [BODY]


@on_each_loop
async def test_a_body_that_is_asked_for_again_after_it_was_given_up_comes_whole() -> None:
    got: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        gathering = asyncio.ensure_future(client.gather_body())
        await until(lambda: isinstance(connection_of(front).transport.get_protocol(), Filling))
        gathering.cancel()
        go.set()
        got.append(await client.gather_body())
        await answer(send)

    go = asyncio.Event()
    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % SIZE + BODY[:LARGE])
        await go.wait()
        writer.write(BODY[LARGE:])
        assert await reader.readexactly(len(answered()))
        writer.close()

    assert got == [BODY]


@on_each_loop
async def test_a_client_that_does_not_read_holds_its_answer_back_while_its_body_fills() -> None:
    held = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        gathering = asyncio.ensure_future(client.gather_body())
        await until(lambda: isinstance(connection_of(front).transport.get_protocol(), Filling))
        client.start(200, [])
        while client.write(bytes(1_000_000)):
            pass
        held.set()
        await until(lambda: not client.paused)
        client.end()
        await gathering

    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % SIZE + BODY[:LARGE])
        await held.wait()
        seen = b""
        while not seen.endswith(b"\r\n0\r\n\r\n"):
            seen = (seen + await reader.read(1 << 20))[-1000:]
        writer.write(BODY[LARGE:])
        writer.close()


@on_each_loop
async def test_a_body_that_is_given_up_while_it_fills_can_still_be_read_off() -> None:
    got: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        gathering = asyncio.ensure_future(client.gather_body())
        (connection,) = front.worker.connections
        await until(lambda: isinstance(connection.transport.get_protocol(), Filling))
        gathering.cancel()
        go.set()
        got.append(await receive())
        await answer(send)

    go = asyncio.Event()
    async with fronted(app) as front:
        reader, writer = await front.connect(HEAD % SIZE + BODY[:LARGE])
        await go.wait()
        writer.write(BODY[LARGE:])

        assert await reader.readexactly(len(answered()))
        writer.close()

    assert got == [{"type": "http.request", "body": BODY, "more_body": False}]
