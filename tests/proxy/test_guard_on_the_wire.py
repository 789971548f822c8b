"""The guard behind the real server, spoken to in raw bytes: what a parser lets through is the guard's to refuse."""

from __future__ import annotations

import asyncio
import json

import h2.config
import h2.connection
import h2.events
import pytest
from proxy.guarded_port import MIB, TOKEN, Listening


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


async def test_the_clients_header_case_arrives(listening: Listening) -> None:
    async with listening() as port:
        await port.raw(port.get(b"X-MiXed: Value\r\n", b"Connection: close\r\n"))

        assert (b"X-MiXed", b"Value") in port.reached[0][2]
