"""How long connections stay, and how they end with the server, whoever serves them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from proxy.front import GET, ODD, answer, answered, fronted, on_each_loop, read_request, until
from proxy.test_server import Recorder

from codexplus_core.proxy.passthrough import Receive, Send
from codexplus_core.proxy.server import serve_app
from codexplus_core.services.settings import ServeSettings

SHORT_S = 0.05


async def plain(scope: Any, receive: Receive, send: Send) -> None:
    await read_request(receive)
    await answer(send)


class Streaming:
    """Sends a first part, and the end once it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.finish = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        self.begun += 1
        try:
            await self.finish.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        await send({"type": "http.response.body"})


# -- idle connections


@pytest.mark.abuse("A17")
@on_each_loop
@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET, ODD, GET + GET[:-1], ODD + GET[:-1]])
async def test_a_connection_on_which_nothing_happens_is_closed_in_time(sent: bytes) -> None:
    async with fronted(plain, keep_alive_timeout=SHORT_S) as front:
        reader, writer = await front.connect(sent)

        got = await reader.read()
        writer.close()

    assert got.count(b"HTTP/1.1 200 ") == (sent.endswith(b"\r\n\r\n") or sent.count(b"GET") == 2)


@on_each_loop
@pytest.mark.parametrize("request_", [GET, ODD], ids=["the connection", "hypercorn"])
async def test_an_exchange_may_take_longer_than_a_connection_may_be_idle(request_: bytes) -> None:
    app = Streaming()
    async with fronted(app, keep_alive_timeout=SHORT_S) as front:
        reader, writer = await front.connect(request_)
        # One that came before and says nothing is gone in the meantime.
        idle, idle_writer = await front.connect()
        assert await idle.read() == b""
        idle_writer.close()
        app.finish.set()

        assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        # And then it is idle too.
        assert await reader.read() == b""
        writer.close()


# -- the end


@pytest.mark.req("P11")
@on_each_loop
async def test_a_drain_closes_idle_connections_of_both_kinds_and_lets_streams_of_both_kinds_end() -> None:
    app = Streaming()
    async with fronted(app) as front:
        idle = [await front.connect(data) for data in (b"", b"GET / HT")]
        busy = [await front.connect(data) for data in (GET, ODD)]
        await until(lambda: app.begun == 2 and len(front.worker._handed) == 2)
        await front.worker.stop_accepting()

        assert [await reader.read() for reader, _ in idle] == [b"", b""]
        app.finish.set()
        got = [await reader.read() for reader, _ in busy]
        for _, writer in idle + busy:
            writer.close()

    assert [answer.endswith(b"1\r\nx\r\n0\r\n\r\n") for answer in got] == [True, True]


@on_each_loop
async def test_a_request_that_was_sent_ahead_is_not_begun_in_a_drain() -> None:
    app = Streaming()
    async with fronted(app) as front:
        reader, writer = await front.connect(GET + GET)
        await until(lambda: app.begun == 1)
        await front.worker.stop_accepting()
        app.finish.set()

        assert (await reader.read()).count(b"HTTP/1.1") == 1
        writer.close()

    assert app.begun == 1


@on_each_loop
async def test_an_answer_that_begins_in_a_drain_says_that_it_is_the_last() -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await go.wait()
        await answer(send)

    async with fronted(app) as front:
        reader, writer = await front.connect(GET)
        await until(lambda: bool(front.worker.running))
        await front.worker.stop_accepting()
        go.set()

        assert await reader.read() == answered()[:-2] + b"connection: close\r\n\r\n"
        writer.close()


@on_each_loop
async def test_streams_of_both_kinds_that_do_not_end_are_cut_at_the_deadline() -> None:
    app = Streaming()
    async with fronted(app, drain_s=0.0) as front:
        clients = [await front.connect(data) for data in (GET, ODD)]
        await until(lambda: app.begun == 2)

    for reader, writer in clients:
        assert (await reader.read()).endswith(b"\r\n\r\n1\r\nx\r\n")
        writer.close()
    assert app.cancelled == 2


@on_each_loop
async def test_an_exchange_that_is_ended_before_its_head_is_a_500() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async with fronted(app, drain_s=0.0) as front:
        clients = [await front.connect(data) for data in (GET, ODD)]
        await until(lambda: len(front.worker.running) == 2)

    for reader, writer in clients:
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")
        writer.close()


@on_each_loop
async def test_a_server_that_is_cancelled_stops_listening() -> None:
    app = Recorder()
    ready: asyncio.Queue[str] = asyncio.Queue()
    settings = ServeSettings("127.0.0.1", 0, None, (), Path())
    serving = asyncio.create_task(serve_app(app, settings, ready=ready.put_nowait, stop=asyncio.Event()))
    port = int((await ready.get()).split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)
    assert app.log == ["start", "stop"]
