"""The guard behind the real server, spoken to in raw bytes: what a parser lets through is the guard's to refuse."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from codexplus_core.proxy.guard import Denied, Guard
from codexplus_core.proxy.limits import hypercorn_limits
from codexplus_core.proxy.refuse import refuse
from codexplus_core.proxy.worker import Worker

TOKEN = b"k3y-" + b"A" * 39
MIB = 1024 * 1024


class Port:
    """A listening guard with an application behind it that writes down what reaches it."""

    def __init__(self, number: int) -> None:
        self.guard = Guard(port=number, token=TOKEN)
        self.number = number
        self.reached: list[tuple[str, bytes, list[tuple[bytes, bytes]], bytes]] = []
        self.auth = b"Host: 127.0.0.1:%d\r\nx-codexplus-token: %b\r\n" % (number, TOKEN)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": (await receive())["type"] + ".complete"})
            return
        verdict = self.guard.check(scope)
        if isinstance(verdict, Denied):
            await refuse(verdict, scope, receive, send)
            return
        if scope["type"] == "websocket":
            self.reached.append(("WEBSOCKET", verdict.path, scope["headers"], b""))
            await send({"type": "websocket.http.response.start", "status": 426, "headers": [(b"content-length", b"0")]})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        self.reached.append((scope["method"], verdict.path, scope["headers"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def get(
        self, *lines: bytes, target: bytes = b"/v1/models", version: bytes = b"1.1", method: bytes = b"GET"
    ) -> bytes:
        return b"%b %b HTTP/%b\r\n" % (method, target, version) + self.auth + b"".join(lines) + b"\r\n"

    def post(self, *lines: bytes, body: bytes = b"") -> bytes:
        return self.get(b"Content-Type: application/json\r\n", *lines, target=b"/v1/responses", method=b"POST") + body

    async def raw(self, sent: bytes, *, until_closed: bool = True) -> bytes:
        """Everything that comes back until the server closes, or until there is a whole head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        writing = asyncio.create_task(_write(writer, sent))
        try:
            async with asyncio.timeout(20):
                return await (reader.read() if until_closed else reader.readuntil(b"\r\n\r\n"))
        finally:
            writing.cancel()
            writer.transport.abort()

    async def refused(self, sent: bytes) -> int:
        """The status of a refusal, which must close the connection and must not have reached the application."""
        answer = await self.raw(sent)
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1
        assert b"connection: close" in answer.lower()
        assert b"access-control" not in answer.lower()
        assert self.reached == []
        return int(answer.split()[1])


async def _write(writer: asyncio.StreamWriter, sent: bytes) -> None:
    try:
        writer.write(sent)
        await writer.drain()
    except ConnectionError:
        return


def configured() -> Config:
    config = Config()
    for name, value in hypercorn_limits().items():
        setattr(config, name, value)
    config.graceful_timeout = 1
    config.errorlog = None
    return config


@asynccontextmanager
async def hypercorn() -> AsyncIterator[Port]:
    """The guard behind hypercorn alone."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        app = Port(server.getsockname()[1])
        config = configured()
        config.bind = [f"fd://{server.fileno()}"]
        ended = asyncio.Event()
        serving = asyncio.create_task(serve(app, config, shutdown_trigger=ended.wait))
        try:
            yield app
        finally:
            ended.set()
            async with asyncio.timeout(20):
                await serving
            # hypercorn closed the number; it is not ours to close again.
            server.detach()


@asynccontextmanager
async def own() -> AsyncIterator[Port]:
    """The guard behind the front that reads ordinary requests itself."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = Port(listener.getsockname()[1])
    worker = Worker(app, configured())
    await worker.listen(listener)
    try:
        yield app
    finally:
        async with asyncio.timeout(20):
            await worker.stop_accepting()
            await worker.close()


Listening = Callable[[], AbstractAsyncContextManager[Port]]


@pytest.fixture(params=[hypercorn, own])
def listening(request: pytest.FixtureRequest) -> Listening:
    """Both servers; what they let through and how they refuse has to be the same."""
    found: Listening = request.param
    return found


@pytest.mark.abuse("A12")
@pytest.mark.parametrize(
    ("lines", "body", "status"),
    [
        (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n", 400),
        (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n", 400),
        (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 501),
        (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 501),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n", 501),
        (b"Transfer-Encoding: chunked\r\n", b"+2\r\n{}\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n", b"2\r\n{}xx0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n", b"2\n{}\n0\n\n", 400),
        (b"Content-Length: -1\r\n", b"{}", 400),
        (b"Content-Length: +2\r\n", b"{}", 400),
        (b"Content-Length: 0x2\r\n", b"{}", 400),
        (b"Content-Length: 1_0\r\n", b"{}", 400),
        (b"Content-Length: \r\n", b"{}", 400),
        (b"Content-Length: 2, 3\r\n", b"{}", 400),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}", 400),
        (b"Content-Length: 99999999999999999999999999\r\n", b"{}", 400),
        (b"X-A: a\0b\r\nContent-Length: 2\r\n", b"{}", 400),
        (b"X-A: a\rb\r\nContent-Length: 2\r\n", b"{}", 400),
        (b"X A: b\r\n", b"", 400),
        (b"X-A\r\n", b"", 400),
        (b": b\r\n", b"", 400),
    ],
)
async def test_a_doubtful_framing_is_refused_and_the_connection_closed(
    listening: Listening, lines: bytes, body: bytes, status: int
) -> None:
    async with listening() as port:
        smuggled = port.get(target=b"/v1/smuggled")

        assert await port.refused(port.post(lines, body=body + smuggled)) == status


@pytest.mark.abuse("A12")
@pytest.mark.parametrize("lines", [b"Content-Length: 2, 2\r\n", b"Content-Length: 2\r\nContent-Length: 2\r\n"])
async def test_a_length_that_is_repeated_reaches_the_application_once(listening: Listening, lines: bytes) -> None:
    async with listening() as port:
        await port.raw(port.post(lines, b"Connection: close\r\n", body=b"{}"))

        ((_, _, headers, body),) = port.reached
        assert [value for name, value in headers if name.lower() == b"content-length"] == [b"2"]
        assert body == b"{}"


@pytest.mark.abuse("A13")
@pytest.mark.parametrize(
    ("lines", "expected"),
    [(b"X-A: a\r\n b\r\n", [(b"X-A", b"a b")]), (b"X-A: a\nX-B: b\r\n", [(b"X-A", b"a"), (b"X-B", b"b")])],
)
async def test_folded_and_lf_separated_headers_arrive_as_whole_lines(
    listening: Listening, lines: bytes, expected: list[tuple[bytes, bytes]]
) -> None:
    async with listening() as port:
        await port.raw(port.get(lines, b"Connection: close\r\n"))

        ((_, _, headers, _),) = port.reached
        assert [line for line in headers if line[0].startswith(b"X-")] == expected


@pytest.mark.abuse("A13", "A05")
async def test_a_header_hidden_behind_a_bare_lf_is_judged_too(listening: Listening) -> None:
    async with listening() as port:
        assert await port.refused(port.get(b"X-A: a\nOrigin: null\r\n")) == 403


@pytest.mark.abuse("A03", "A04", "A11", "A15")
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/models HTTP/1.1\r\n%(token)b\r\n", 400),
        (b"GET /v1/models HTTP/1.0\r\n%(token)b\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\n%(auth)b%(auth)b\r\n", 400),
        (b"GET /v1/models HTTP/1.0\r\n%(auth)bHost: evil.example\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n%(token)b\r\n", 421),
        (b"GET /v1/models\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.2\r\n%(auth)b\r\n", 505),
        (b"GET /v1/models HTTP/9.9\r\n%(auth)b\r\n", 505),
        (b"GET http://evil.example/v1/models HTTP/1.1\r\n%(auth)b\r\n", 400),
        (b"GET /v1/\xc3\xa9 HTTP/1.1\r\n%(auth)b\r\n", 400),
        (b"GET /v1/%%2e%%2e/admin HTTP/1.1\r\n%(auth)b\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\n%(auth)b\r\n", 405),
        (b"OPTIONS /v1/responses HTTP/1.1\r\n%(auth)bOrigin: null\r\n\r\n", 403),
        (b"CONNECT evil.example:443 HTTP/1.1\r\n%(auth)b\r\n", 405),
        (b"TRACE /v1/models HTTP/1.1\r\n%(auth)b\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    ],
)
async def test_a_doubtful_head_is_refused_and_the_connection_closed(
    listening: Listening, head: bytes, status: int
) -> None:
    async with listening() as port:
        token = b"x-codexplus-token: %b\r\n" % TOKEN

        assert await port.refused(head % {b"auth": port.auth, b"token": token}) == status


@pytest.mark.abuse("A01")
async def test_without_the_token_the_refusal_is_json_and_nothing_is_reached(listening: Listening) -> None:
    async with listening() as port:
        answer = await port.raw(b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port.number)

        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401 ")
        assert json.loads(body)["error"]["type"] == "codex_plus_refused"
        assert port.reached == []


@pytest.mark.abuse("A12")
async def test_a_request_pipelined_behind_a_refused_one_is_not_answered(listening: Listening) -> None:
    async with listening() as port:
        assert await port.refused(port.get(b"Origin: null\r\n") + port.get()) == 403


@pytest.mark.abuse("A17")
@pytest.mark.parametrize(
    "lines",
    [b"X-A: " + b"a" * 70_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % n for n in range(1000)), b"X-A: " + b"a" * MIB],
)
async def test_a_very_large_head_is_refused(listening: Listening, lines: bytes) -> None:
    async with listening() as port:
        assert await port.refused(port.get(lines)) == 431


@pytest.mark.abuse("A14")
@pytest.mark.parametrize("upgrade", [True, False])
async def test_http_2_on_the_plain_port_gets_the_guards_refusal(listening: Listening, upgrade: bool) -> None:
    async with listening() as port:
        client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        host = f"127.0.0.1:{port.number}"
        async with asyncio.timeout(20):
            if upgrade:
                settings = client.initiate_upgrade_connection() or b""
                lines = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: " + settings + b"\r\n"
                writer.write(port.get(lines))
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            else:
                client.initiate_connection()
                head = {":method": "GET", ":path": "/v1/models", ":scheme": "http", ":authority": host}
                client.send_headers(1, [*head.items(), ("x-codexplus-token", TOKEN.decode())], end_stream=True)
            writer.write(client.data_to_send())
            statuses: list[str] = []
            while not statuses:
                for event in client.receive_data(await reader.read(65536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        statuses = [str(value) for name, value in event.headers if str(name) == ":status"]
        writer.transport.abort()

        assert statuses == ["505"]
        assert port.reached == []


WEBSOCKET = (
    b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Sec-WebSocket-Version: 13\r\n",
)  # fmt: skip


@pytest.mark.abuse("A09")
async def test_a_websocket_of_a_web_page_is_refused_before_it_is_accepted(listening: Listening) -> None:
    async with listening() as port:
        assert await port.refused(port.get(*WEBSOCKET, b"Origin: null\r\n", target=b"/v1/responses")) == 403


@pytest.mark.abuse("A10")
@pytest.mark.wire("W3")
async def test_a_websocket_of_codex_reaches_the_application(listening: Listening) -> None:
    async with listening() as port:
        answer = await port.raw(port.get(*WEBSOCKET, target=b"/v1/responses"))

        assert answer.startswith(b"HTTP/1.1 426 ")
        assert [reached[:2] for reached in port.reached] == [("WEBSOCKET", b"/v1/responses")]


@pytest.mark.abuse("A09")
async def test_bytes_behind_a_refused_upgrade_are_no_request(listening: Listening) -> None:
    async with listening() as port:
        refused = port.get(*WEBSOCKET, b"Origin: null\r\n", target=b"/v1/responses")

        answer = await port.raw(refused + port.get(), until_closed=False)

        assert answer.split()[1] in (b"400", b"403")
        assert port.reached == []


@pytest.mark.abuse("A01", "A17")
@pytest.mark.parametrize("size", [5 * MIB, 20 * MIB])
async def test_a_client_that_is_still_sending_gets_to_read_the_refusal(listening: Listening, size: int) -> None:
    async with listening() as port:
        request = port.post(b"Origin: null\r\nContent-Length: %d\r\n" % size, body=bytes(size))

        assert await port.refused(request) == 403


@pytest.mark.abuse("A17")
async def test_a_refused_client_that_promises_ten_gigabytes_is_let_go(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexplus_core.proxy.refuse._DRAIN_SECONDS", 0.05)
    async with listening() as port:
        request = port.post(b"Origin: null\r\nContent-Length: 10000000000\r\n", body=b"a" * 10)

        assert await port.refused(request) == 403


@pytest.mark.abuse("A17")
async def test_a_refused_client_that_never_stops_sending_is_let_go_and_leaves_nothing_behind(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexplus_core.proxy.refuse._DRAIN_SECONDS", 0.05)
    async with listening() as port:
        await port.raw(port.get(b"Connection: close\r\n"))
        before = len(asyncio.all_tasks())
        _, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(port.post(b"Origin: null\r\nContent-Length: 10000000000\r\n"))

        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(bytes(MIB))
                    await writer.drain()
            writer.transport.abort()
            while len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0)

        assert len(port.reached) == 1


async def test_the_clients_header_case_arrives(listening: Listening) -> None:
    async with listening() as port:
        await port.raw(port.get(b"X-MiXed: Value\r\n", b"Connection: close\r\n"))

        assert (b"X-MiXed", b"Value") in port.reached[0][2]
