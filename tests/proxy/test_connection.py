"""Requests and answers on a connection of our own, byte by byte."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from proxy.front import EMPTY, GET, ODD, answer, answered, fronted, on_each_loop, read_request, until

from codexplus_core.proxy.passthrough import Receive, Send, client_of

POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"
CUT = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    await answer(send, await read_request(receive))


# -- requests


@on_each_loop
async def test_requests_that_come_in_one_piece_are_answered_one_after_the_other() -> None:
    async with fronted(echo) as front:
        reader, writer = await front.connect(POST % (3, b"one") + GET + POST % (3, b"two"))

        expected = answered(b"one") + answered() + answered(b"two")
        assert await reader.readexactly(len(expected)) == expected
        writer.close()


@on_each_loop
@pytest.mark.parametrize("at", [1, 30, 60, 62, 65, 70])
async def test_where_the_network_cuts_two_requests_makes_no_difference(at: int) -> None:
    async with fronted(echo) as front:
        data = POST % (3, b"one") + POST % (3, b"two")
        reader, writer = await front.connect(data[:at])
        await until(lambda: bool(front.worker.running or front.worker._handed))
        writer.write(data[at:])

        head, _, body = (await reader.readuntil(b"one")).lower().partition(b"\r\n\r\n")
        assert (head.split()[1], body) == (b"200", b"one")
        head, _, body = (await reader.readuntil(b"two")).lower().partition(b"\r\n\r\n")
        assert (head.split()[1], body) == (b"200", b"two")
        writer.close()


@on_each_loop
async def test_a_large_body_arrives_whole_although_its_client_is_held_back_meanwhile() -> None:
    held: list[bool] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        (connection,) = front.worker.connections
        await until(lambda: not connection.transport.is_reading())
        held.append(True)
        await answer(send, b"%d" % len(await read_request(receive)))

    async with fronted(app) as front:
        reader, writer = await front.connect(POST % (8_000_000, bytes(8_000_000)) * 2)

        assert await reader.readexactly(2 * len(answered(b"8000000"))) == answered(b"8000000") * 2
        assert len(held) == 2
        writer.close()


@on_each_loop
async def test_a_body_that_is_wanted_as_a_whole_wakes_its_reader_once_and_leaves_the_next_request_alone() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        whole = await client.gather_body()
        assert whole is not None and type(whole) is bytes
        await answer(send, b"%d %d" % (len(whole), whole.count(b"x")))

    async with fronted(app) as front:
        reader, writer = await front.connect(POST % (3_000_000, b"x" * 3_000_000) * 2)

        expected = answered(b"3000000 3000000")
        assert await reader.readexactly(2 * len(expected)) == expected * 2
        writer.close()


@on_each_loop
async def test_a_client_that_leaves_within_its_body_leaves_nothing_to_gather() -> None:
    gathered: list[bytes | None] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        gathered.append(await client.gather_body())

    async with fronted(app) as front:
        _, writer = await front.connect(POST % (1_000_000, bytes(900_000)))
        writer.close()
        await until(lambda: bool(gathered))

    assert gathered == [None]


@pytest.mark.abuse("A17")
@on_each_loop
async def test_a_client_that_sends_ahead_is_held_back_until_its_turn_comes() -> None:
    go = asyncio.Event()
    sizes: list[int] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        (connection,) = front.worker.connections
        if not go.is_set():
            await until(lambda: not connection.transport.is_reading())
            sizes.append(len(connection._ahead))
            go.set()
        await echo(scope, receive, send)

    async with fronted(app) as front:
        count = 100_000
        reader, writer = await front.connect(GET * count)
        await go.wait()

        assert sizes[0] < 1024 * 1024 < len(GET) * count
        # Most of these come in several pieces: hypercorn takes over somewhere.
        for _ in range(1000):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.transport.abort()


@pytest.mark.abuse("A17")
@on_each_loop
async def test_a_client_that_asks_faster_than_it_is_answered_gets_ahead_no_further_each_time() -> None:
    sizes: list[int] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for connection in front.worker.connections:
            sizes.append(len(connection._ahead))
        await asyncio.sleep(0)
        await echo(scope, receive, send)

    async with fronted(app) as front:
        reader, writer = await front.connect(GET * 200_000)
        for _ in range(500):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")

        assert max(sizes) < 1024 * 1024
        writer.transport.abort()


@on_each_loop
async def test_an_odd_request_behind_an_ordinary_one_is_answered_too() -> None:
    extensions: list[bool] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        extensions.append(client_of(scope) is not None)
        await echo(scope, receive, send)

    async with fronted(app) as front:
        reader, writer = await front.connect(GET + ODD + GET)

        for _ in range(3):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
    # What hypercorn has got it keeps.
    assert extensions == [True, False, False]


@on_each_loop
async def test_the_next_request_does_not_wait_for_what_is_done_after_an_answers_end() -> None:
    go = asyncio.Event()
    ended: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await answer(send)
        if not ended:
            ended.append("first answer")
            await go.wait()
        else:
            go.set()

    async with fronted(app) as front:
        reader, writer = await front.connect(GET + GET)

        assert await reader.readexactly(2 * len(answered())) == answered() * 2
        await front.worker.exchanges_ended(float("inf"), asyncio.Event())
        writer.close()


# -- answers


@on_each_loop
@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
@pytest.mark.parametrize("headers", [[], EMPTY, [(b"content-length", b"5")]])
async def test_an_answer_that_may_have_no_body_gets_none(
    method: bytes, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"12345"})

    async with fronted(app) as front:
        reader, writer = await front.connect(GET.replace(b"GET", method) * 2)

        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 %d " % status)
            assert head.count(b"\r\n") == 2 + len(headers)
        writer.close()


@on_each_loop
@pytest.mark.parametrize("sent", [[b""], [b"", b""], []])
async def test_an_empty_answer_is_its_head_alone(sent: list[bytes]) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": EMPTY})
        for part in sent:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    async with fronted(app) as front:
        reader, writer = await front.connect(GET * 2)

        assert await reader.readexactly(2 * len(answered())) == answered() * 2
        writer.close()


@on_each_loop
async def test_an_empty_part_does_not_end_a_chunked_answer() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        assert client is not None
        client.start(200, [])
        for part in (b"a", b"", b"b"):
            assert client.write(part)
        client.end()
        client.end()
        client.write(b"late")

    async with fronted(app) as front:
        reader, writer = await front.connect(GET * 2)

        whole = CUT + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
        assert await reader.readexactly(2 * len(whole)) == whole * 2
        writer.close()


@on_each_loop
async def test_bytes_beyond_the_promised_length_are_not_sent() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        for part in (b"ab", b"cd", b"ef"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    async with fronted(app) as front:
        reader, writer = await front.connect(GET * 2)

        assert await reader.readexactly(2 * len(answered(b"abc"))) == answered(b"abc") * 2
        writer.close()


@on_each_loop
async def test_an_answer_that_is_shorter_than_promised_is_cut() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"ab"})

    async with fronted(app) as front:
        assert await front.ask(GET * 2) == answered(b"abc")[:-1]


@on_each_loop
@pytest.mark.parametrize("odd", [False, True], ids=["the connection", "hypercorn"])
async def test_the_framing_of_an_answer_is_the_servers_business(odd: bool) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        headers = [[b"Transfer-Encoding", b"chunked"], [b"x", b"y"]]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"z"})

    async with fronted(app) as front:
        reader, writer = await front.connect(ODD if odd else GET)
        got = (await reader.readuntil(b"0\r\n\r\n")).lower()
        writer.close()

    assert got.count(b"transfer-encoding: chunked") == 1
    assert got.endswith(b"\r\n\r\n1\r\nz\r\n0\r\n\r\n")


@pytest.mark.abuse("A29")
@on_each_loop
@pytest.mark.parametrize(
    "headers",
    [
        [(b"x", b"y\r\nset-cookie: z")], [(b"x\n", b"y")], [(b"content-length", b"-3")], [(b"content-length", b"+3")],
        [(b"content-length", b"3"), (b"Content-Length", b"4")], [(b"content-length", b"3 ")],
    ],
)  # fmt: skip
async def test_a_head_that_would_be_read_as_another_is_a_fault_and_not_sent(
    headers: list[tuple[bytes, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async with fronted(app) as front:
        assert await front.ask(GET) == FAILED
    assert [record.getMessage() for record in caplog.records] == ["application_failed error=ValueError"]


@on_each_loop
@pytest.mark.parametrize("line", [b"connection: close\r\n", b"Connection: Close\r\n"])
async def test_a_client_that_wants_to_end_is_told_so(line: bytes) -> None:
    async with fronted(echo) as front:
        got = await front.ask(GET[:-2] + line + b"\r\n" + GET)

    assert got == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@on_each_loop
async def test_an_answer_before_the_requests_end_is_the_connections_last() -> None:
    async with fronted(lambda scope, receive, send: answer(send, b"no")) as front:
        got = await front.ask(POST % (100, b"smuggled?" + GET))

    assert got == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"


# -- faults


@on_each_loop
@pytest.mark.parametrize("odd", [False, True], ids=["the connection", "hypercorn"])
@pytest.mark.parametrize("raises", [True, False])
async def test_an_application_that_says_nothing_is_a_500(raises: bool, odd: bool) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await read_request(receive)
        if raises:
            raise RuntimeError

    async with fronted(app) as front:
        got = await front.ask(ODD if odd else GET)

    assert got.replace(b"500 \r\n", b"500 Internal Server Error\r\n") == FAILED


@on_each_loop
@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("part", [b"", b"x"])
async def test_an_application_that_breaks_off_after_the_head_is_a_cut(part: bytes, raises: bool) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": part, "more_body": True})
        if raises:
            raise RuntimeError

    async with fronted(app) as front:
        assert await front.ask(GET + GET) == CUT + (b"1\r\nx\r\n" if part else b"")


@on_each_loop
async def test_a_fault_after_the_answers_end_is_logged_and_the_connection_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await answer(send)
        await answer(send)

    async with fronted(app) as front:
        reader, writer = await front.connect(GET)
        assert await reader.readexactly(len(answered())) == answered()
        await until(lambda: bool(caplog.records))
        writer.write(GET)
        assert await reader.readexactly(len(answered())) == answered()
        writer.close()
    assert {record.getMessage() for record in caplog.records} == {"application_failed error=ValueError"}


@on_each_loop
@pytest.mark.parametrize("kind", ["http.response.body", "http.response.trailers", "websocket.accept"])
async def test_a_message_that_has_no_place_is_a_fault(kind: str) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": kind, "body": b"x"})

    async with fronted(app) as front:
        assert await front.ask(GET) == FAILED
