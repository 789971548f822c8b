"""What follows a large body that was wanted whole on its connection."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from proxy.front import GET, ODD, Front, answer, answered, fronted, on_each_loop, read_request, until
from proxy.test_connection_upgrade import AGREED, UPGRADE, echo
from proxy.test_filling import give

from codexplus_core.proxy.arriving import LARGE
from codexplus_core.proxy.connection import Connection
from codexplus_core.proxy.filling import Filling
from codexplus_core.proxy.passthrough import Receive, Send, client_of

FORESEEN = 4 * 1024 * 1024
BEGINNING = 32 * 1024
BODY = bytes(range(251)) * 2000
TOLD = answered(b"%d" % len(BODY))


def post(body: bytes, path: bytes = b"/") -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (path, len(body), body)


async def sizes(scope: Any, receive: Receive, send: Send) -> None:
    """Tell how long each body is, having gathered it."""
    if scope["type"] == "websocket":
        await echo(scope, receive, send)
        return
    client = client_of(scope)
    if client is None:
        await answer(send, b"%d" % len(await read_request(receive)))
        return
    await answer(send, b"%d" % len(client.whole_body() or await client.gather_body() or b""))


class Watched:
    """``sizes``, after a look at the connection in the application's first turn."""

    front: Front

    def __init__(self) -> None:
        self.reading: list[bool] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        (connection,) = self.front.worker.connections
        self.reading.append(connection.transport.is_reading())
        if scope["path"] == "/parts":
            await answer(send, b"%d" % len(await read_request(receive)))
        else:
            await sizes(scope, receive, send)


@on_each_loop
async def test_the_next_large_body_is_gathered_before_anybody_asks() -> None:
    app = Watched()
    async with fronted(app) as front:
        app.front = front
        reader, writer = await front.connect()
        for _ in range(3):
            writer.write(post(BODY))
            assert await reader.readexactly(len(TOLD)) == TOLD
        writer.close()

    assert app.reading == [False, True, True]


@on_each_loop
@pytest.mark.abuse("A17")
@pytest.mark.parametrize("other", [post(BODY, b"/other"), post(bytes(FORESEEN + 100_000))], ids=["path", "much larger"])
async def test_a_large_body_of_another_kind_waits_for_whoever_wants_it(other: bytes) -> None:
    app = Watched()
    async with fronted(app) as front:
        app.front = front
        reader, writer = await front.connect()
        writer.write(post(BODY))
        assert await reader.readexactly(len(TOLD)) == TOLD
        writer.write(other)
        expected = answered(b"%d" % len(other.partition(b"\r\n\r\n")[2]))
        assert await reader.readexactly(len(expected)) == expected
        writer.close()

    assert app.reading == [False, False]


@on_each_loop
async def test_a_body_that_was_gathered_unasked_can_be_read_in_parts() -> None:
    got: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if not got:
            client = client_of(scope)
            assert client is not None
            got.append(await client.gather_body())
        else:
            got.append(await receive())
        await answer(send)

    async with fronted(app) as front:
        reader, writer = await front.connect()
        for _ in range(2):
            writer.write(post(BODY))
            assert await reader.readexactly(len(answered())) == answered()
        writer.close()

    assert got == [BODY, {"type": "http.request", "body": BODY, "more_body": False}]


@on_each_loop
@pytest.mark.parametrize("together", [True, False])
async def test_requests_of_every_size_and_kind_are_answered_in_their_order(together: bool) -> None:
    bodies = [BODY, b"small", BODY, b"", bytes(LARGE - 1), bytes(LARGE), bytes(LARGE + 40_000), b"", BODY]
    async with fronted(sizes) as front:
        reader, writer = await front.connect()
        if together:
            writer.write(b"".join(map(post, bodies)))
        for body in bodies:
            if not together:
                writer.write(post(body))
            expected = answered(b"%d" % len(body))
            assert await reader.readexactly(len(expected)) == expected
        writer.write(ODD)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


@on_each_loop
async def test_an_upgraded_connection_takes_its_bytes_itself() -> None:
    async with fronted(sizes) as front:
        reader, writer = await front.connect(post(BODY))
        assert await reader.readexactly(len(TOLD)) == TOLD
        writer.write(UPGRADE + b"first")
        assert await reader.readexactly(len(AGREED) + 5) == AGREED + b"first"
        (connection,) = front.worker.connections
        assert connection.transport.get_protocol() is connection
        writer.write(GET)
        assert await reader.readexactly(len(GET)) == GET
        writer.close()
        await front.empty()


class Gathers:
    """Answers each request, the first ones only once it has gathered their bodies."""

    def __init__(self, requests: int) -> None:
        self.got: list[bytes | None] = []
        self._left = requests

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        self._left -= 1
        if self._left >= 0:
            self.got.append(await client.gather_body())
        await answer(send)


@on_each_loop
async def test_a_client_that_leaves_within_a_body_gathered_unasked_is_noticed() -> None:
    app = Gathers(2)
    async with fronted(app) as front:
        reader, writer = await front.connect(post(BODY))
        await reader.readexactly(len(answered()))
        (connection,) = front.worker.connections
        filling = connection.transport.get_protocol()
        assert isinstance(filling, Filling)
        writer.write(post(BODY)[:-1])
        writer.close()
        await front.empty()

    assert app.got == [BODY, None]
    # The transport may remember it for longer.
    assert filling._whole == b"" and filling._arriving is None


@on_each_loop
async def test_an_answer_that_does_not_wait_for_a_body_gathered_unasked_ends_the_connection() -> None:
    closing = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    async with fronted(Gathers(1)) as front:
        reader, writer = await front.connect(post(BODY))
        await reader.readexactly(len(answered()))
        writer.write(post(BODY)[:-1])
        assert await reader.readexactly(len(closing)) == closing
        await front.empty()
        writer.close()


@on_each_loop
@pytest.mark.parametrize("last", [b"", ODD, UPGRADE, post(BODY)[:-1]], ids=["asked", "odd", "upgraded", "cut"])
async def test_nothing_of_a_connection_that_filled_is_left_before_the_collector_comes(last: bytes) -> None:
    async with fronted(sizes) as front:
        kinds = (Connection, Filling)
        gc.collect()
        before = sum(isinstance(each, kinds) for each in gc.get_objects())
        gc.disable()
        try:
            reader, writer = await front.connect(post(BODY))
            await reader.readexactly(len(TOLD))
            writer.write(last)
            if last in (ODD, UPGRADE):
                await reader.readline()
            writer.close()
            await front.empty()
            await until(lambda: sum(isinstance(each, kinds) for each in gc.get_objects()) == before)
        finally:
            gc.enable()


@on_each_loop
@pytest.mark.abuse("A09")
@pytest.mark.parametrize("first", [1000, len(BODY)], ids=["small", "large"])
async def test_what_one_read_brings_behind_a_request_for_hypercorn_is_hypercorns(first: int) -> None:
    """Windows' loop has read all of it before it asks for room, and goes on with the protocol that it began with."""
    head = b"POST /odd HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n9c40\r\n"
    inside = (b"x" * (BEGINNING - len(head)) + GET).ljust(0x9C40, b"y")
    async with fronted(sizes) as front:
        reader, writer = await front.connect(post(bytes(first)))
        told = answered(b"%d" % first)
        assert await reader.readexactly(len(told)) == told
        (connection,) = front.worker.connections
        took, data = connection.transport.get_protocol(), head + inside + b"\r\n0\r\n\r\n"
        assert isinstance(took, Filling if first > LARGE else Connection)
        if isinstance(took, Filling):
            give(took, data)
        else:
            took.data_received(data)
        assert b"\r\n\r\n40000" in await reader.readuntil(b"40000")
        writer.close()
        await front.empty()

    assert front.errors == []


@on_each_loop
async def test_what_one_read_brings_behind_a_handshake_is_the_upgraded_connections() -> None:
    behind = GET * 3000
    async with fronted(sizes) as front:
        reader, writer = await front.connect(post(BODY))
        assert await reader.readexactly(len(TOLD)) == TOLD
        (connection,) = front.worker.connections
        filling = connection.transport.get_protocol()
        assert isinstance(filling, Filling)
        give(filling, UPGRADE)
        assert await reader.readexactly(len(AGREED)) == AGREED
        writer.write(behind)
        assert await reader.readexactly(len(behind)) == behind
        writer.close()
        await front.empty()


@on_each_loop
@pytest.mark.parametrize(
    ("size", "unasked"),
    [(LARGE - 1, True), (LARGE + BEGINNING, True), (FORESEEN, True), (FORESEEN + BEGINNING, False)],
)
async def test_the_edges_of_what_is_gathered_unasked(size: int, unasked: bool) -> None:
    app = Watched()
    async with fronted(app) as front:
        app.front = front
        reader, writer = await front.connect(post(BODY))
        assert await reader.readexactly(len(TOLD)) == TOLD
        writer.write(post(bytes(size)))
        told = answered(b"%d" % size)
        assert await reader.readexactly(len(told)) == told
        writer.close()

    assert app.reading == [False, unasked]
