"""The curl upstream against raw servers: what goes up and what comes down, byte for byte."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from proxy.upstream_requests import post, rest
from raw_http import CHUNKED_HEAD, END, Connection, always, chunk, ok, serving

from codexplus_core.proxy.transport import UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream

BOUND = 60.0


@pytest.mark.wire("W1")
async def test_request_headers_go_up_in_order_and_case_with_duplicates_and_nothing_added(
    upstream: CurlUpstream,
) -> None:
    headers = [
        (b"User-Agent", b"codex/1"), (b"x-Twice", b"one"), (b"authorization", b"Bearer k"), (b"x-Twice", b"two"),
        (b"x-empty", b""), (b"x-raw", "é\N{SNOWMAN}".encode() + b"\xff"), (b"Content-Length", b"2"),
        (b"content-type", b"application/json"),
    ]  # fmt: skip
    async with serving(always(ok())) as server:
        answer = await upstream.open(post(server.url + "/v1/responses", headers=headers))
        await rest(answer)

        assert server.heads == [
            b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: codex/1\r\nx-Twice: one\r\n"
            b"authorization: Bearer k\r\nx-Twice: two\r\nx-empty:\r\nx-raw: \xc3\xa9\xe2\x98\x83\xff\r\n"
            b"Content-Length: 2\r\ncontent-type: application/json\r\n\r\n" % server.port
        ]


@pytest.mark.wire("W1", "W4")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "POST", "QUERY"])
async def test_every_method_goes_up_bare(upstream: CurlUpstream, method: str) -> None:
    async with serving(always(ok())) as server:
        await rest(await upstream.open(UpstreamRequest(method, server.url + "/x", [])))

        length = b"Content-Length: 0\r\n" if method in ("POST", "PUT", "PATCH") else b""
        assert server.heads == [
            b"%s /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n" % (method.encode(), server.port, length)
        ]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "POST", "OPTIONS"])
async def test_every_method_can_carry_a_body_with_one_content_length(upstream: CurlUpstream, method: str) -> None:
    body = bytes(range(256)) * 5000
    async with serving(always(ok())) as server:
        await rest(await upstream.open(UpstreamRequest(method, server.url + "/", [(b"content-length", b"7")], body)))

        assert server.bodies == [body]
        assert server.connections[0].headers(b"content-length") == [str(len(body)).encode()]
        assert server.connections[0].headers(b"expect") == server.connections[0].headers(b"content-type") == []


async def test_a_handle_forgets_method_body_and_headers_of_the_request_before(upstream: CurlUpstream) -> None:
    async with serving(always(ok())) as server:
        for method in ("POST", "HEAD", "GET", "PUT", "DELETE", "POST", "GET"):
            body = b"x" if method in ("POST", "PUT") else None
            await rest(
                await upstream.open(UpstreamRequest(method, server.url, [(b"x-" + method.encode(), b"1")], body))
            )

        assert [head.split(b" ")[0] for head in server.heads] == [
            b"POST",
            b"HEAD",
            b"GET",
            b"PUT",
            b"DELETE",
            b"POST",
            b"GET",
        ]
        assert server.bodies == [b"x", b"", b"", b"x", b"", b"x", b""]
        assert [head.count(b"\r\nx-") for head in server.heads] == [1] * 7
        assert len(server.connections) == 1


@pytest.mark.wire("W4")
async def test_the_url_goes_up_as_it_is(upstream: CurlUpstream) -> None:
    target = "/v1/../a%2fb/./c//d%7Ee;p?x=%7e&y=[1]|\"'&z=%zz&e"
    async with serving(always(ok())) as server:
        await rest(await upstream.open(UpstreamRequest("GET", server.url + target, [])))

        assert server.heads[0].split(b" ")[1] == target.encode()


async def test_a_header_with_a_line_break_is_refused_before_anything_is_sent(upstream: CurlUpstream) -> None:
    async with serving(always(ok())) as server:
        with pytest.raises(UpstreamError, match="line break") as caught:
            await upstream.open(post(server.url, headers=[(b"x", b"a\r\nevil: 1")]))

        assert caught.value.kind == "protocol"
        assert server.heads == []


@pytest.mark.wire("W2", "W8")
async def test_response_head_keeps_order_case_duplicates_and_raw_bytes(upstream: CurlUpstream) -> None:
    head = (
        b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nX-Codex-Primary-Used-Percent: 12\r\nset-cookie: a=1\r\n"
        b"set-cookie: b=2\r\nx-raw: \xe9\xff\r\nx-empty:\r\nfolded: a\r\n b\r\ncontent-length: 4\r\n\r\nbusy"
    )
    async with serving(always(head)) as server:
        answer = await upstream.open(post(server.url))

        assert answer.status == 429
        assert answer.headers == [
            (b"Retry-After", b"7"), (b"X-Codex-Primary-Used-Percent", b"12"), (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"), (b"x-raw", b"\xe9\xff"), (b"x-empty", b""), (b"folded", b"a b"),
            (b"content-length", b"4"),
        ]  # fmt: skip
        assert await rest(answer) == b"busy"


@pytest.mark.wire("W8")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 500, 503, 529])
async def test_error_statuses_pass_with_their_bodies(upstream: CurlUpstream, status: int) -> None:
    async with serving(always(ok(b'{"error":1}', status=b"%d Nope" % status))) as server:
        answer = await upstream.open(post(server.url))

        assert (answer.status, await rest(answer)) == (status, b'{"error":1}')
        assert len(server.heads) == 1


@pytest.mark.abuse("A27")
async def test_a_redirect_is_an_answer_and_not_followed(upstream: CurlUpstream) -> None:
    async with (
        serving(always(ok())) as other,
        serving(always(ok(b"", b"location: " + other.url.encode(), status=b"307 Go"))) as server,
    ):
        answer = await upstream.open(post(server.url, headers=[(b"authorization", b"Bearer secret")]))
        await rest(answer)

        assert answer.status == 307
        assert other.heads == []


async def test_cookies_are_not_kept(upstream: CurlUpstream) -> None:
    async with serving(always(ok(b"", b"set-cookie: session=1; path=/"))) as server:
        for _ in range(2):
            await rest(await upstream.open(post(server.url)))

        assert b"cookie" not in server.heads[1].lower()


@pytest.mark.wire("W2")
async def test_compressed_bytes_stay_compressed_and_no_encoding_is_asked_for(upstream: CurlUpstream) -> None:
    packed = gzip.compress(b"data: {}\n\n" * 100)
    async with serving(always(ok(packed, b"content-encoding: gzip"))) as server:
        answer = await upstream.open(post(server.url))

        assert (b"content-encoding", b"gzip") in answer.headers
        assert await rest(answer) == packed
        assert b"accept-encoding" not in server.heads[0].lower()


@pytest.mark.req("P4")
@pytest.mark.wire("W2")
async def test_the_head_comes_before_the_first_byte_and_each_byte_before_the_next(upstream: CurlUpstream) -> None:
    go = asyncio.Queue[bytes]()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD)
        while data := await go.get():
            await connection.send(chunk(data))
        await connection.send(END)

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        got = []
        for event in (b"one", b"two", b"three"):
            go.put_nowait(event)
            got.append(await answer.read())
        go.put_nowait(b"")

        assert got == [b"one", b"two", b"three"]
        assert await answer.read() == b""
        assert await answer.read() == b""


async def test_bytes_that_wait_come_in_one_piece(upstream: CurlUpstream) -> None:
    async with serving(always(CHUNKED_HEAD + chunk(b"a") + chunk(b"b") * 50 + END)) as server:
        answer = await upstream.open(post(server.url))

        assert await answer.read() == b"a" + b"b" * 50


@pytest.mark.parametrize("first", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"])
async def test_interim_answers_are_swallowed(upstream: CurlUpstream, first: bytes) -> None:
    async with serving(always(first + first + ok(b"yes", b"x: 1"))) as server:
        answer = await upstream.open(post(server.url))

        assert (answer.status, answer.headers) == (200, [(b"content-length", b"3"), (b"x", b"1")])
        assert await rest(answer) == b"yes"


async def test_trailers_do_not_disturb_the_head(upstream: CurlUpstream) -> None:
    trailed = CHUNKED_HEAD + chunk(b"x") + b"0\r\nx-trailer: 1\r\n\r\n"
    async with serving(always(trailed)) as server:
        answer = await upstream.open(post(server.url))
        body = await rest(answer)

        assert body == b"x"
        assert [name for name, _ in answer.headers] == [b"content-type", b"transfer-encoding"]


@pytest.mark.parametrize(
    ("method", "answered"),
    [
        ("HEAD", ok(b"", b"x: 1").replace(b"length: 0", b"length: 9")),
        ("GET", b"HTTP/1.1 204 No\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Same\r\netag: x\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_end_at_once_and_keep_the_connection(
    upstream: CurlUpstream, method: str, answered: bytes
) -> None:
    async with serving(always(answered)) as server:
        for _ in range(2):
            answer = await upstream.open(UpstreamRequest(method, server.url, []))
            assert await rest(answer) == b""

        assert len(server.connections) == 1


async def test_framing_that_comes_in_tiny_pieces_is_read_like_any_other(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD)
        for byte in b"1;" + b"x" * 1500 + b"\r\n":
            await connection.send(bytes([byte]))
            for _ in range(3):  # until it has been read
                await asyncio.sleep(0)
        await connection.send(b"a\r\n" + END)

    async with asyncio.timeout(BOUND), serving(script) as server:
        answer = await upstream.open(post(server.url))

        assert await rest(answer) == b"a"
