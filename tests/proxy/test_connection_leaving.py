"""Clients that leave, stop reading, or were never there; and that nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import weakref
from typing import Any

import pytest
from hypercorn.config import Config
from proxy.front import EMPTY, GET, ODD, answer, answered, fronted, on_each_loop, read_request, reset, until

from codexplus_core.proxy.connection import Connection
from codexplus_core.proxy.direct import Direct
from codexplus_core.proxy.duplex import TransportDuplex
from codexplus_core.proxy.passthrough import Receive, Send, client_of
from codexplus_core.proxy.worker import Worker

BODY = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345"
LARGE = bytes(1 << 20)


@on_each_loop
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET[:-1], BODY, GET, ODD, GET + GET[:-5], GET + GET])
async def test_a_client_may_leave_at_any_moment_of_its_request(sent: bytes, how: str) -> None:
    left: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        left.append(message["type"])
        await answer(send, b"to nobody")

    async with fronted(app) as front:
        _, writer = await front.connect(sent)
        await until(lambda: bool(front.worker.connections or front.worker._handed))
        if sent in (BODY, GET, ODD):
            await until(lambda: bool(front.worker.running))
        if how == "close":
            writer.close()
        else:
            reset(writer)
        await front.empty()

    assert left in (["http.disconnect"], []) if sent != BODY else left == ["http.disconnect"]


@on_each_loop
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("started", [False, True])
async def test_an_exchange_learns_at_once_that_its_client_has_left(started: bool, how: str) -> None:
    heard: list[str] = []
    begun = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        gone = asyncio.Event()
        client.on_gone = gone.set
        if started:
            client.start(200, [])
            client.write(b"x")
        begun.set()
        await gone.wait()
        heard.append("gone")
        if not started:
            client.start(200, [])
        client.write(b"y")
        client.end()
        await read_request(receive)
        heard.append((await receive())["type"])

    async with fronted(app) as front:
        _, writer = await front.connect(GET)
        await begun.wait()
        if how == "close":
            writer.close()
        else:
            reset(writer)
        await front.empty()

    assert heard == ["gone", "http.disconnect"]


@on_each_loop
async def test_a_client_that_leaves_after_its_answer_is_no_departure() -> None:
    heard: list[str] = []
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        client.on_gone = lambda: heard.append("gone")
        await answer(send)
        await go.wait()

    async with fronted(app) as front:
        reader, writer = await front.connect(GET)
        await reader.readexactly(len(answered()))
        reset(writer)
        await until(lambda: not front.worker.connections)
        go.set()
        await front.empty()

    assert heard == []


@on_each_loop
async def test_an_application_that_only_ever_sends_does_not_hold_the_loop_when_its_client_has_left() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": LARGE, "more_body": True})

    async with fronted(app) as front:
        reader, writer = await front.connect(GET)
        await reader.readexactly(1000)
        reset(writer)
        await until(lambda: not front.worker.connections)
        (task,) = front.worker.running
        task.cancel()
        await front.empty()


# -- slow readers


@on_each_loop
async def test_a_client_that_reads_too_slowly_holds_its_answer_back_until_it_reads() -> None:
    paused, resumed = asyncio.Event(), asyncio.Event()
    written = 0

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        nonlocal written
        client = client_of(scope)
        assert client is not None
        client.on_resume = resumed.set
        client.start(200, [])
        while client.write(bytes(65536)):
            written += 65536
            await asyncio.sleep(0)
        paused.set()
        await resumed.wait()
        client.write(b"the rest")
        client.end()

    async with fronted(app) as front:
        reader, writer = await front.connect(GET)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await paused.wait()
        await asyncio.sleep(0)
        assert not resumed.is_set()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        got = 0
        while not (data := await reader.read(1 << 20)).endswith(b"the rest\r\n0\r\n\r\n"):
            got += len(data)
        writer.close()

    assert got + len(data) > written


@on_each_loop
@pytest.mark.parametrize("by", ["messages", "the short way"])
async def test_a_client_that_does_not_read_its_answers_gets_to_ask_no_more(by: str) -> None:
    asked = 0

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        if by == "messages":
            await answer(send, LARGE)
            return
        client = client_of(scope)
        assert client is not None
        client.start(200, [(b"content-length", b"%d" % len(LARGE))])
        client.write(LARGE)
        client.end()

    async with fronted(app) as front:
        count = 20
        reader, writer = await front.connect(b"")
        await until(lambda: bool(front.worker.connections))
        (connection,) = front.worker.connections
        # Left to itself the system takes many megabytes for a connection; the front no more than an answer above
        # its limit.
        for end, what in ((connection.transport, socket.SO_SNDBUF), (writer.transport, socket.SO_RCVBUF)):
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, what, 65536)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET * count)
        await until(lambda: connection._full)
        for _ in range(100):
            await asyncio.sleep(0)
        assert asked < count / 2
        assert connection.transport.get_write_buffer_size() < 2 * len(LARGE)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(count):
            await reader.readexactly(len(answered(LARGE)))
        writer.close()

    assert asked == count


@on_each_loop
async def test_a_client_that_never_reads_on_is_let_go_at_the_end() -> None:
    async with fronted(lambda scope, receive, send: answer(send, LARGE * 8)) as front:
        with socket.create_connection(("127.0.0.1", front.port)) as client:
            client.sendall(GET * 3)
            await until(lambda: any(connection._full for connection in front.worker.connections))
            await front.worker.stop_accepting()
            await front.worker.close()
            await until(lambda: not front.worker.connections)


# -- nobody there


@pytest.mark.abuse("A20")
@on_each_loop
async def test_the_bytes_of_a_client_that_broke_off_before_it_was_accepted_reach_nobody_unknown() -> None:
    clients: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        clients.append(scope["client"])
        await answer(send)

    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(GET)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    worker = Worker(app, Config())
    await worker.listen(listener)
    # A second one comes after the first.
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(GET)
    await reader.readexactly(len(answered()))
    writer.close()
    await until(lambda: not worker.connections)
    await worker.close()

    assert None not in clients


# -- what stays


@on_each_loop
@pytest.mark.parametrize("odd", [False, True], ids=["the connection", "hypercorn"])
async def test_nothing_is_left_of_a_connection_or_its_exchanges_before_the_collector_comes(odd: bool) -> None:
    scopes: list[weakref.ref[Scope]] = []

    class Scope(dict[str, Any]):
        """What can be watched going."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        watched = Scope()
        scope["state"]["watched"] = watched
        scopes.append(weakref.ref(watched))
        await read_request(receive)
        client = client_of(scope)
        if client is None or scope["raw_path"] != b"/short":
            await answer(send, b"x")
            return
        client.start(200, EMPTY)
        client.end()

    async with fronted(app) as front:
        kinds = (Direct, Connection, TransportDuplex)
        before = [id(thing) for thing in gc.get_objects() if isinstance(thing, kinds)]
        gc.collect()
        gc.disable()
        try:
            if not odd:
                for path in (b"/", b"/short"):
                    reader, writer = await front.connect(GET.replace(b"/ ", path + b" ") * 3)
                    await reader.readuntil(b"\r\n\r\n")
                    writer.close()
                    await writer.wait_closed()
            else:
                reader, writer = await front.connect(ODD)
                await reader.readuntil(b"\r\n\r\n")
                writer.close()
                await writer.wait_closed()
            await front.empty()
            await asyncio.sleep(0)
            left = [thing for thing in gc.get_objects() if isinstance(thing, kinds) and id(thing) not in before]
            assert left == []
            if not odd:
                assert [scope() for scope in scopes if scope() is not None] == []
        finally:
            gc.enable()


@pytest.mark.abuse("A17")
@on_each_loop
@pytest.mark.parametrize("sent", [b"GET / HT", ODD])
async def test_hypercorn_lets_go_of_a_connection_as_soon_as_its_client_has_left(sent: bytes) -> None:
    async with fronted(lambda scope, receive, send: answer(send), keep_alive_timeout=3600) as front:
        reader, writer = await front.connect(sent)
        await until(lambda: bool(front.worker._handed))
        if sent == ODD:
            await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await front.empty()
