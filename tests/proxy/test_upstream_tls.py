"""The curl upstream over TLS: HTTP/2 by ALPN, certificates, and a browser's handshake with the client's headers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from proxy.upstream_requests import rest
from raw_http import Connection, always, ok, serving

from codexplus_core.proxy.transport import Answer, Headers, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream

BOUND = 60.0


App = Callable[[Any, Any, Any], Awaitable[None]]


@asynccontextmanager
async def http2(app: App, certificate: Path) -> AsyncIterator[str]:
    import socket

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.certfile = config.keyfile = str(certificate)
    config.errorlog = None
    config.graceful_timeout = 0.5
    stop = asyncio.Event()

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    running = asyncio.create_task(serve(wrapped, config, shutdown_trigger=stop.wait, mode="asgi"))
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        stop.set()
        await running


async def body_of(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def opened(upstream: CurlUpstream, url: str, body: bytes = b"{}", headers: Headers | None = None) -> Answer:
    """Open, waiting for a server that is still about to listen."""
    return await upstream.open(UpstreamRequest("POST", url, headers or [], body))


@pytest.mark.wire("W1", "W2")
@pytest.mark.parametrize("browser", [None, "chrome"])
async def test_http2_carries_body_headers_and_target_as_they_are(certificate: Path, browser: str | None) -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope, body=await body_of(receive))
        await send(
            {"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"7"), (b"x-raw", b"\xe9")]}
        )
        await send({"type": "http.response.body", "body": b"busy"})

    body = bytes(range(256)) * 2000
    async with asyncio.timeout(BOUND), http2(app, certificate) as url:
        upstream = CurlUpstream(
            impersonate=browser, impersonate_hosts={"127.0.0.1"}, ca_file=str(certificate), environ={}
        )
        sent = [(b"authorization", b"Bearer k"), (b"x-codex-window-id", b"t:1"), (b"content-type", b"application/json")]
        answer = await opened(upstream, url + "/v1/a%2fb?x=%7e", body, sent)
        text = await rest(answer)
        await upstream.aclose()

    assert (seen["http_version"], seen["raw_path"], seen["query_string"]) == ("2", b"/v1/a%2fb", b"x=%7e")
    assert seen["body"] == body
    length = (b"content-length", str(len(body)).encode())
    assert [line for line in seen["headers"] if line[0] != b"host"] in ([*sent, length], [length, *sent])
    assert (answer.status, text) == (429, b"busy")
    assert [line for line in answer.headers if line[0] in (b"retry-after", b"x-raw")] == [
        (b"retry-after", b"7"), (b"x-raw", b"\xe9")
    ]  # fmt: skip


@pytest.mark.wire("W6")
@pytest.mark.parametrize("head_first", [True, False])
async def test_closing_one_http2_answer_reaches_the_server_and_leaves_the_others(
    certificate: Path, head_first: bool
) -> None:
    asked, gone, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        head = {"type": "http.response.start", "status": 200, "headers": []}
        if scope["raw_path"] == b"/other":
            await send(head)
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await go.wait()
            await send({"type": "http.response.body", "body": b"b"})
            return
        if head_first:
            await send(head)
        asked.set()
        assert (await receive())["type"] == "http.disconnect"
        gone.set()

    async with asyncio.timeout(BOUND), http2(app, certificate) as url:
        upstream = CurlUpstream(ca_file=str(certificate), environ={})
        other = await opened(upstream, url + "/other")
        assert await other.read() == b"a"
        opening = asyncio.create_task(opened(upstream, url + "/abort"))
        await asked.wait()
        if head_first:
            (await opening).close()
        else:
            opening.cancel()
        await gone.wait()
        go.set()

        assert await rest(other) == b"b"
        await upstream.aclose()


@pytest.mark.req("P3")
@pytest.mark.wire("W1")
@pytest.mark.parametrize("browser", ["chrome", "firefox"])
async def test_a_browsers_handshake_leaves_the_header_block_alone(certificate: Path, browser: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    headers = [(b"User-Agent", b"codex/1"), (b"X-B", b"2"), (b"x-a", b"1")]
    async with asyncio.timeout(BOUND), serving(always(ok()), context) as server:
        for worn in (None, browser):
            upstream = CurlUpstream(
                impersonate=worn, impersonate_hosts={"127.0.0.1"}, ca_file=str(certificate), environ={}
            )
            for _ in range(2):
                await rest(await opened(upstream, server.url, headers=headers))
            await upstream.aclose()

    block = b"Host: 127.0.0.1:%d\r\nUser-Agent: codex/1\r\nX-B: 2\r\nx-a: 1\r\nContent-Length: 2\r\n\r\n" % server.port
    assert server.heads == [b"POST / HTTP/1.1\r\n" + block] * 4


@asynccontextmanager
async def tunnel(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Hello]]:
    """A proxy for https that leads nowhere and keeps the first handshake that each host was sent."""
    hellos: dict[str, Hello] = {}

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        record = await reader.readexactly(5)
        host = asked.split()[1].partition(b":")[0].decode()
        hellos.setdefault(host, hello(await reader.readexactly(int.from_bytes(record[3:]))))
        writer.close()

    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield hellos


Hello = tuple[list[int], list[int]]


def hello(message: bytes) -> Hello:
    """The ciphers and the extensions that a ClientHello names, without the random ones that browsers mix in."""
    at = 4 + 2 + 32
    at += 1 + message[at]
    ciphers, at = vector(message, at)
    at += 1 + message[at]
    at += 2
    extensions = []
    while at < len(message):
        extensions.append(int.from_bytes(message[at : at + 2]))
        at += 4 + int.from_bytes(message[at + 2 : at + 4])
    pairs = [int.from_bytes(ciphers[i : i + 2]) for i in range(0, len(ciphers), 2)]
    # Chrome puts its extensions in a new order each time.
    return [pair for pair in pairs if not is_grease(pair)], sorted(e for e in extensions if not is_grease(e))


def vector(message: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(message[at : at + 2])
    return message[at + 2 : end], end


def is_grease(number: int) -> bool:
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


@pytest.mark.req("P3")
async def test_only_the_chatgpt_host_is_shown_a_browsers_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ["chatgpt.com", "api.openai.com", "chatgpt.com.evil.example", "notchatgpt.com"]
    async with asyncio.timeout(BOUND), tunnel(monkeypatch) as hellos:
        upstream = CurlUpstream(environ={})
        for host in hosts:
            with pytest.raises(UpstreamError):
                await opened(upstream, f"https://{host}/v1")
        await upstream.aclose()

    browsers, plain, *others = (hellos[host] for host in hosts)
    assert browsers[0] != plain[0]
    assert browsers[1] != plain[1]
    assert others == [plain] * 2


@pytest.mark.req("P3")
async def test_each_browser_has_its_own_handshake_and_none_is_curls_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    async with asyncio.timeout(BOUND):
        for browser in ("chrome", "firefox", None):
            async with tunnel(monkeypatch) as hellos:
                upstream = CurlUpstream(impersonate=browser, environ={})
                for host in ("chatgpt.com", "api.openai.com"):
                    with pytest.raises(UpstreamError):
                        await opened(upstream, f"https://{host}/v1")
                await upstream.aclose()
            seen[browser] = hellos

    worn = [seen[browser]["chatgpt.com"] for browser in ("chrome", "firefox", None)]
    assert all(worn[a] != worn[b] for a, b in ((0, 1), (0, 2), (1, 2)))
    assert seen[None]["chatgpt.com"] == seen[None]["api.openai.com"] == seen["chrome"]["api.openai.com"]


async def test_a_certificate_nobody_vouches_for_is_a_tls_error_that_says_what_to_do(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with asyncio.timeout(BOUND), serving(always(ok()), context) as server:
        upstream = CurlUpstream(environ={})
        with pytest.raises(UpstreamError, match=r"https://127\.0\.0\.1.*SSL_CERT_FILE") as caught:
            await opened(upstream, server.url)
        await upstream.aclose()

    assert caught.value.kind == "tls"


async def test_the_environments_certificates_are_used(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with asyncio.timeout(BOUND), serving(always(ok(b"x")), context) as server:
        upstream = CurlUpstream(environ={"SSL_CERT_FILE": str(certificate)})
        assert await rest(await opened(upstream, server.url)) == b"x"
        await upstream.aclose()


async def test_a_missing_certificate_file_is_named(tmp_path: Path) -> None:
    async with asyncio.timeout(BOUND), serving(always(ok())) as server:
        upstream = CurlUpstream(environ={"SSL_CERT_FILE": str(tmp_path / "none.pem")})
        with pytest.raises(UpstreamError, match=r"none\.pem") as caught:
            await opened(upstream, server.url.replace("http:", "https:"))
        await upstream.aclose()

    assert caught.value.kind == "tls"


async def test_https_to_a_plain_server_is_a_tls_error() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(ok())
        writer.close()

    async with asyncio.timeout(BOUND), await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        upstream = CurlUpstream(environ={})
        with pytest.raises(UpstreamError, match="speaks https") as caught:
            await opened(upstream, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await upstream.aclose()

    assert caught.value.kind == "tls"


async def test_a_tls_connection_without_an_answer_is_an_error(certificate: Path) -> None:
    async def script(connection: Connection) -> None:
        connection.reset()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with asyncio.timeout(BOUND), serving(script, context) as server:
        upstream = CurlUpstream(ca_file=str(certificate), environ={})
        with pytest.raises(UpstreamError) as caught:
            await opened(upstream, server.url)
        await upstream.aclose()

    assert caught.value.kind == "connect"
    assert len(server.heads) == 1
