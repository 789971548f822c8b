"""The curl upstream against raw servers: bytes, aborts, back-pressure, cuts and errors."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator

import pytest
from raw_http import CHUNKED_HEAD, END, Connection, Script, always, chunk, ok, serving

from codexplus_core.proxy.transport import Answer, Headers, UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream, certificates, is_loopback, probe
from codexplus_core.proxy.upstream_handle import QUEUE_LIMIT

BOUND = 10.0


@pytest.fixture
async def upstream() -> AsyncIterator[CurlUpstream]:
    opened = CurlUpstream(environ={})
    async with asyncio.timeout(BOUND):
        yield opened
    await opened.aclose()


def post(url: str, body: bytes | None = b"{}", headers: Headers | None = None) -> UpstreamRequest:
    return UpstreamRequest("POST", url, headers or [], body)


async def rest(answer: Answer) -> bytes:
    parts = []
    while data := await answer.read():
        parts.append(data)
    return b"".join(parts)


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


@pytest.mark.wire("W7")
@pytest.mark.parametrize(
    "broken",
    [
        CHUNKED_HEAD + chunk(b"data"),
        CHUNKED_HEAD + b"40\r\ndata",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ndata",
    ],
    ids=["chunked without end", "inside a chunk", "short"],
)
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
async def test_a_cut_is_never_a_clean_end(upstream: CurlUpstream, broken: bytes, reset: bool) -> None:
    got = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(broken)
        await got.wait()
        connection.reset() if reset else connection.writer.close()

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        first = await answer.read()
        got.set()

        assert first == b"data"
        for _ in range(2):
            with pytest.raises(UpstreamCut, match=r"127\.0\.0\.1"):
                await answer.read()


@pytest.mark.abuse("A12")
@pytest.mark.wire("W7")
@pytest.mark.parametrize(
    "broken",
    [
        CHUNKED_HEAD + b"5\r\nhello\n" + chunk(b"abc") + END,
        CHUNKED_HEAD + b"5\nhello\r\n" + END,
        CHUNKED_HEAD + b"5\r\nhello\n10\r\n" + b"\r\n23456789abcdef\r\n" + END,
        CHUNKED_HEAD.replace(b"chunked", b"gzip, chunked") + b"40\r\ndata",
    ],
    ids=["LF behind a chunk", "LF behind a size", "LF that moves the end", "coding that curl does not follow"],
)
@pytest.mark.parametrize("how", ["read", "pipe", "framed"])
async def test_framing_that_curl_takes_and_others_do_not_is_never_a_clean_end(
    upstream: CurlUpstream, broken: bytes, how: str
) -> None:
    async with serving(always(broken, close=True)) as server:
        answer = await upstream.open(post(server.url))
        with pytest.raises(UpstreamCut, match=r"127\.0\.0\.1"):
            if how == "read":
                await rest(answer)
            else:
                await answer.pipe(lambda _: True, (lambda *_: True) if how == "framed" else None)


@pytest.mark.filterwarnings("ignore")  # in a proxy, a warning of the library's ends nothing either
async def test_a_switch_of_protocols_that_nobody_asked_for_is_an_error(upstream: CurlUpstream) -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nabc"
    async with serving(always(answer)) as server:
        with pytest.raises(UpstreamError) as error:
            await upstream.open(post(server.url))

        assert error.value.kind == "protocol"
        assert "switched to another protocol" in str(error.value)


async def test_bytes_before_a_cut_are_delivered_first(upstream: CurlUpstream) -> None:
    async with serving(always(CHUNKED_HEAD + chunk(b"data"), close=True)) as server:
        answer = await upstream.open(post(server.url))
        got = b""
        with pytest.raises(UpstreamCut):
            while True:
                got += await answer.read()

        assert got == b"data"


@pytest.mark.wire("W6")
async def test_close_after_the_first_byte_hangs_up_on_the_server(upstream: CurlUpstream) -> None:
    gone = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(b"x"))
        await connection.gone()
        gone.set()

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        await answer.read()
        answer.close()
        answer.close()

        await gone.wait()
        with pytest.raises(UpstreamCut):
            await answer.read()


@pytest.mark.wire("W6")
async def test_cancelling_open_before_the_head_hangs_up_on_the_server(upstream: CurlUpstream) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        asked.set()
        await connection.gone()
        gone.set()

    async with serving(script) as server:
        opening = asyncio.create_task(upstream.open(post(server.url)))
        await asked.wait()
        opening.cancel()

        with pytest.raises(asyncio.CancelledError):
            await opening
        await gone.wait()


async def test_a_handle_is_sound_after_an_abort(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        if b"/hang" in connection.head:
            await connection.send(CHUNKED_HEAD + chunk(b"x"))
            await connection.gone()
        else:
            await connection.send(ok(b"fine"))

    async with serving(script) as server:
        for _ in range(20):
            aborted = await upstream.open(post(server.url + "/hang"))
            aborted.close()
            assert await rest(await upstream.open(post(server.url))) == b"fine"


async def test_a_slow_reader_pauses_the_upstream_and_gets_every_byte(upstream: CurlUpstream) -> None:
    size, block = 32 * 1024 * 1024, b"0123456789abcdef" * 4096
    written = 0
    stalled = asyncio.Event()

    async def script(connection: Connection) -> None:
        nonlocal written
        connection.writer.transport.set_write_buffer_limits(high=0)
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while written < size:
            connection.writer.write(block)
            try:
                async with asyncio.timeout(0.5):
                    await connection.writer.drain()
            except TimeoutError:
                stalled.set()
                await connection.writer.drain()
            written += len(block)

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        await stalled.wait()
        first = await answer.read()
        got, same = len(first), first == (block * 8)[: len(first)]
        while data := await answer.read():
            start = got % len(block)
            same = same and (block * (len(data) // len(block) + 2)).startswith(data, start)
            got += len(data)

        assert len(first) <= QUEUE_LIMIT + 16384
        assert (got, same) == (size, True)


async def test_a_paused_answer_can_be_closed(upstream: CurlUpstream) -> None:
    gone = asyncio.Event()

    async def script(connection: Connection) -> None:
        try:
            while True:
                await connection.send(CHUNKED_HEAD if not gone.is_set() else b"")
                while True:
                    await connection.send(chunk(b"x" * 65536))
        except ConnectionError:
            gone.set()

    async with serving(script) as server:
        answer = await upstream.open(post(server.url))
        await answer.read()
        await asyncio.to_thread(lambda: None)
        answer.close()

        await gone.wait()


async def test_silence_after_the_head_is_a_cut() -> None:
    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(b"x"))
        await connection.gone()

    upstream = CurlUpstream(idle_timeout=0.2, environ={})
    async with asyncio.timeout(BOUND), serving(script) as server:
        answer = await upstream.open(post(server.url))
        await answer.read()

        with pytest.raises(UpstreamCut, match=r"sent nothing for 0\.2 s"):
            await answer.read()
        await upstream.aclose()


async def test_silence_before_the_head_is_a_timeout() -> None:
    async def script(connection: Connection) -> None:
        await connection.gone()

    upstream = CurlUpstream(head_timeout=0.2, environ={})
    async with asyncio.timeout(BOUND), serving(script) as server:
        with pytest.raises(UpstreamError, match="did not answer within") as caught:
            await upstream.open(post(server.url))

        assert caught.value.kind == "timeout"
        await upstream.aclose()


async def test_a_reader_who_takes_long_is_not_the_upstreams_silence() -> None:
    upstream = CurlUpstream(idle_timeout=0.2, environ={})
    async with asyncio.timeout(BOUND), serving(always(CHUNKED_HEAD + chunk(b"x"))) as server:
        answer = await upstream.open(post(server.url))
        other = await upstream.open(post(server.url))
        await other.read()
        with pytest.raises(UpstreamCut):  # a second answer measures the time that passes
            await other.read()

        assert await answer.read() == b"x"
        await upstream.aclose()


async def test_a_refused_connection_names_the_host_and_what_to_do(upstream: CurlUpstream) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        with pytest.raises(UpstreamError, match=rf"http://127\.0\.0\.1:{port}: .*check that it runs") as caught:
            await upstream.open(post(f"http://127.0.0.1:{port}/v1"))

    assert caught.value.kind == "connect"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://name.invalid/", "dns"),
        ("ftp://127.0.0.1/", "protocol"),
        ("nonsense", "protocol"),
        ("http://127.0.0.1:99999/", "protocol"),
    ],
)
async def test_addresses_that_lead_nowhere_are_named(upstream: CurlUpstream, url: str, kind: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await upstream.open(post(url))

    assert caught.value.kind == kind


async def test_credentials_in_a_url_are_not_in_the_message(upstream: CurlUpstream) -> None:
    with pytest.raises(UpstreamError) as caught:
        await upstream.open(post("http://user:secret@name.invalid/?key=secret"))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200"])
async def test_no_proper_head_is_an_error_and_not_asked_for_again(upstream: CurlUpstream, answer: bytes) -> None:
    async with serving(always(answer, close=True)) as server:
        with pytest.raises(UpstreamError, match=r"127\.0\.0\.1"):
            await upstream.open(post(server.url))

        assert len(server.heads) == 1


@pytest.mark.req("P7")
async def test_a_kept_connection_that_dies_without_an_answer_is_replaced_by_a_fresh_one(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        if len(server.heads) == 2:
            connection.writer.close()
        else:
            await connection.send(ok(b"x"))

    async with serving(script) as server:
        for _ in range(2):
            assert await rest(await upstream.open(post(server.url))) == b"x"

        assert (len(server.heads), len(server.connections)) == (3, 2)


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(upstream: CurlUpstream) -> None:
    async with serving(always(ok(b"x"), close=True)) as server:
        for _ in range(3):
            assert await rest(await upstream.open(post(server.url))) == b"x"

        assert len(server.heads) == 3


async def test_many_at_once_each_get_their_own_answer(upstream: CurlUpstream) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(ok(connection.body))

    async with serving(script) as server:
        bodies = [str(number).encode() * 100 for number in range(100)]
        answers = await asyncio.gather(*(upstream.open(post(server.url, body)) for body in bodies))

        assert [await rest(answer) for answer in answers] == bodies


async def test_closing_the_upstream_ends_what_runs_and_refuses_what_comes() -> None:
    asked = asyncio.Event()

    async def script(connection: Connection) -> None:
        if b"/head" in connection.head:
            await connection.send(CHUNKED_HEAD + chunk(b"x"))
        else:
            asked.set()
        await connection.gone()

    upstream = CurlUpstream(environ={})
    async with asyncio.timeout(BOUND), serving(script) as server:
        answer = await upstream.open(post(server.url + "/head"))
        await answer.read()
        reading = asyncio.create_task(answer.read())
        opening = asyncio.create_task(upstream.open(post(server.url)))
        await asked.wait()
        await upstream.aclose()
        await upstream.aclose()

        with pytest.raises(UpstreamCut, match="stopping"):
            await reading
        with pytest.raises(UpstreamError, match="stopping"):
            await opening
        with pytest.raises(UpstreamError, match="stopping"):
            await upstream.open(post(server.url))


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_a_proxy_of_the_environment_serves_others_but_not_loopback(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
    async with (
        asyncio.timeout(BOUND),
        serving(always(ok(b"proxied"))) as proxy,
        serving(always(ok(b"direct"))) as server,
    ):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "other.invalid")
        upstream = CurlUpstream()
        local = await rest(await upstream.open(post(server.url)))
        remote = await rest(await upstream.open(post("http://api.invalid/v1")))
        with pytest.raises(UpstreamError):
            await upstream.open(post("http://other.invalid/v1"))
        await upstream.aclose()

        assert (local, remote) == (b"direct", b"proxied")
        assert proxy.heads[0].startswith(b"POST http://api.invalid/v1 HTTP/1.1\r\n")


async def test_probe_reports_a_status_or_a_reason() -> None:
    challenge: Script = always(ok(b"", b"cf-mitigated: challenge", status=b"403 No"))
    async with serving(always(ok(status=b"401 No"))) as server, serving(challenge) as walled:
        assert await probe(server.url, BOUND) == (401, f"{server.url} answers with status 401")
        status, text = await probe(walled.url, BOUND)
        assert status == 403
        assert "browser challenge" in text
    status, text = await probe("http://name.invalid/", BOUND)
    assert status is None
    assert "name.invalid" in text


def test_the_certificates_of_the_environment_come_before_the_systems() -> None:
    assert certificates({"SSL_CERT_FILE": "/x.pem"}) == "/x.pem"
    assert certificates({}) != ""


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("a.localhost.", True),
        ("api.openai.com", False),
        ("127.0.0.1.evil.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_known_by_name_and_address(host: str, local: bool) -> None:
    assert is_loopback(host) is local


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


@pytest.mark.req("P6")
async def test_connections_that_are_idle_are_kept_for_later(upstream: CurlUpstream) -> None:
    async with serving(always(ok())) as server:

        async def at_once(requests: int) -> None:
            answers = await asyncio.gather(*(upstream.open(post(server.url)) for _ in range(requests)))
            await asyncio.gather(*(rest(answer) for answer in answers))

        await at_once(12)
        for requests in (1, 1, 12):
            await at_once(requests)

        assert len(server.connections) <= 12
