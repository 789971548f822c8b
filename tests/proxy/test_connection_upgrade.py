"""WebSocket handshakes on a connection of our own, and its bytes from there on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from proxy.front import GET, answer, answered, fronted, on_each_loop, reset, until

from codexplus_core.proxy.client import SOCKET
from codexplus_core.proxy.direct import Direct
from codexplus_core.proxy.passthrough import Receive, Send

UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LINES = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
AGREED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def upgrade_of(scope: Any) -> Direct:
    found: Direct = scope["extensions"][SOCKET]
    return found


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    assert await receive() == {"type": "websocket.connect"}
    connection = await upgrade_of(scope).accept(LINES)
    while data := await connection.read():
        if not connection.write(data):
            await connection.drain()


@on_each_loop
@pytest.mark.parametrize("together", [True, False])
async def test_bytes_go_both_ways_once_the_handshake_is_agreed_to(together: bool) -> None:
    async with fronted(echo) as front:
        reader, writer = await front.connect(UPGRADE + (b"first" if together else b""))
        assert await reader.readexactly(len(AGREED)) == AGREED
        if not together:
            writer.write(b"first")
        assert await reader.readexactly(5) == b"first"
        writer.write(GET)
        assert await reader.readexactly(len(GET)) == GET
        writer.close()
        await front.empty()


@on_each_loop
async def test_much_data_goes_both_ways_with_both_sides_held_back() -> None:
    async with fronted(echo) as front:
        reader, writer = await front.connect(UPGRADE)
        await reader.readexactly(len(AGREED))
        data = bytes(range(256)) * 65536

        async def sending() -> None:
            writer.write(data)
            await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(sending())
            assert await reader.readexactly(len(data)) == data
        writer.close()


@pytest.mark.abuse("A17")
@on_each_loop
async def test_a_client_that_sends_far_ahead_of_the_agreement_stays_held_back_until_it_is_read() -> None:
    sizes: list[int] = []
    done = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        (connection,) = front.worker.connections
        await until(lambda: not connection.transport.is_reading())
        # As much as fits into two reads of either loop.
        connection._ahead += bytes(512 * 1024 - len(connection._ahead))
        socket = await upgrade_of(scope).accept(LINES)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not connection.transport.is_reading()
        sizes.append(len(await socket.read()))
        assert connection.transport.is_reading()
        done.set()

    async with fronted(app) as front:
        _, writer = await front.connect(UPGRADE + bytes(4 << 20))
        await done.wait()
        writer.transport.abort()

    assert sizes == [512 * 1024]


@on_each_loop
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_ends_what_is_read(how: str) -> None:
    ended: list[object] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        connection = await upgrade_of(scope).accept(LINES)
        try:
            ended.append(await connection.read())
        except ConnectionError as error:
            ended.append(type(error))
        connection.write(b"to nobody")
        await connection.drain()
        connection.close()
        connection.abort()

    async with fronted(app) as front:
        reader, writer = await front.connect(UPGRADE)
        await reader.readexactly(len(AGREED))
        if how == "close":
            writer.close()
        else:
            reset(writer)
        await front.empty()

    assert ended == [b"" if how == "close" else ConnectionResetError]


@on_each_loop
async def test_a_client_that_left_before_the_agreement_ends_what_is_read() -> None:
    ended: list[bytes] = []
    begun = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        begun.set()
        assert (await receive())["type"] == "websocket.disconnect"
        connection = await upgrade_of(scope).accept(LINES)
        ended.append(await connection.read())
        await connection.pipe(lambda data: True)

    async with fronted(app) as front:
        _, writer = await front.connect(UPGRADE + b"ahead")
        await begun.wait()
        writer.close()
        await front.empty()

    assert ended == [b"ahead"]


@on_each_loop
@pytest.mark.parametrize("raises", [False, True])
async def test_an_application_that_is_done_ends_the_connection(raises: bool) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        connection = await upgrade_of(scope).accept(LINES)
        await connection.read()
        connection.write(b"bye")
        if raises:
            raise RuntimeError

    async with fronted(app) as front:
        reader, writer = await front.connect(UPGRADE + b"x")
        got = await reader.read()
        writer.close()

    assert got == AGREED + b"bye"


@on_each_loop
@pytest.mark.parametrize("raises", [False, True])
async def test_a_request_that_was_answered_before_it_is_done_ends_no_later_upgrade(raises: bool) -> None:
    upgraded, done = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await echo(scope, receive, send)
            return
        await answer(send, b"x")
        await upgraded.wait()
        done.set()
        if raises:
            raise ValueError

    async with fronted(app) as front:
        reader, writer = await front.connect(GET)
        await reader.readexactly(len(answered(b"x")))
        writer.write(UPGRADE)
        assert await reader.readexactly(len(AGREED)) == AGREED
        upgraded.set()
        await done.wait()
        await until(lambda: len(front.worker.running) == 1)
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        writer.close()
        await front.empty()


@on_each_loop
async def test_a_handshake_is_answered_once_and_with_whole_lines() -> None:
    faults: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        upgrade = upgrade_of(scope)
        for lines in ([(b"x", b"y\r\nz: 1")], LINES, LINES):
            try:
                await upgrade.accept(lines)
            except ValueError as fault:
                faults.append(str(fault))

    async with fronted(app) as front:
        assert await front.ask(UPGRADE) == AGREED

    assert [fault.split()[-1] for fault in faults] == ["not", "before"]


@pytest.mark.abuse("A09")
@on_each_loop
@pytest.mark.parametrize("behind", [b"", GET, b"\x81\x85aaaa"])
async def test_bytes_behind_a_refused_handshake_are_nothing(behind: bytes) -> None:
    kinds: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        kinds.append(scope["type"])
        if scope["type"] == "http":
            await answer(send)
            return
        await send({"type": "websocket.http.response.start", "status": 426, "headers": [(b"content-length", b"2")]})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    async with fronted(app) as front:
        got = await front.ask(UPGRADE + behind)

    assert got == b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"
    assert kinds == ["websocket"]


@on_each_loop
async def test_a_handshake_that_is_closed_is_a_403() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async with fronted(app) as front:
        got = await front.ask(UPGRADE)

    assert got == b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@pytest.mark.abuse("A17")
@on_each_loop
async def test_a_client_that_did_not_read_before_the_agreement_is_waited_for_after_it() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        (connection,) = front.worker.connections
        connection.pause_writing()
        socket = await upgrade_of(scope).accept(LINES)
        assert socket.write(b"x") is False
        draining = asyncio.ensure_future(socket.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        connection.resume_writing()
        await draining
        assert socket.write(b"y") is True

    async with fronted(app) as front:
        assert await front.ask(UPGRADE) == AGREED + b"xy"
