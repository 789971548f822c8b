"""How a WebSocket begins: the handshake through the proxy, and the answers that refuse one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from proxy.made_plugin import plugin
from proxy.sockets import dial, refusal

from codexplus_core import LocalReply
from codexplus_core.proxy.transport import UpstreamCut, UpstreamError
from codexplus_core.testing import CodexClient, Harness, StrictUpstream, raw, stall, status, text
from codexplus_core.testing.codex_requests import ClientRequest

TOLD = {"x-codex-turn-state": "t1", "x-codex-primary-used-percent": "12", "openai-model": "m", "set-cookie": "a=b"}


@pytest.fixture(params=["unread", "read along"])
def plugins(request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """No plugin, so that the connection is a tunnel, or one that looks."""
    yield [] if request.param == "unread" else [plugin(on_request=lambda exchange: None)]


@pytest.mark.wire("W1", "W3")
@pytest.mark.parametrize("auth", ["chatgpt", "apikey"])
async def test_the_session_headers_go_up_with_the_handshake(plugins: list[object], auth: str) -> None:
    async with Harness(plugins, auth=auth) as proxy:
        talker = await dial(proxy)
        talker.frames.close()

    (handshake,) = proxy.upstream.handshakes
    sent = {name.decode().lower(): value.decode() for name, value in talker.request.headers}
    for name in ("authorization", "session-id", "thread-id", "x-codex-window-id", "originator", "user-agent"):
        assert handshake.header(name) == sent.get(name), name
    assert handshake.header("chatgpt-account-id") == sent.get("chatgpt-account-id")
    assert handshake.header("openai-beta") == "responses_websockets=2026-02-06"
    assert (handshake.method, handshake.path) == ("GET", "/v1/responses")


@pytest.mark.wire("W2", "W3")
async def test_what_the_upstream_says_with_its_101_comes_down(plugins: list[object]) -> None:
    upstream = StrictUpstream(websocket=status(101, b"", TOLD))
    async with Harness(plugins, upstream=upstream) as proxy:
        talker = await dial(proxy)
        talker.frames.close()

    found = {name.decode().lower(): value.decode() for name, value in talker.headers}
    assert {name: found.get(name) for name in TOLD} == {**TOLD, "set-cookie": None}
    assert len(talker.headers) == len(found), "and each line once"


ASKS = [
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"), (b"openai-beta", b"responses_websockets=2026-02-06"),
]  # fmt: skip


async def test_a_query_goes_up_with_the_handshake(plugins: list[object]) -> None:
    async with Harness(plugins) as proxy:
        asked = ClientRequest("GET", "/v1/responses?a=1&b=%20", [*proxy.codex.say("hi").headers, *ASKS], b"", {})
        joined = await proxy._connect(asked)
        assert hasattr(joined, "socket")
        joined.socket.close()

    assert proxy.upstream.handshakes[0].path == "/v1/responses?a=1&b=%20"


@pytest.mark.abuse("A12")
@pytest.mark.parametrize(
    "lines",
    [
        ASKS[1:],
        [(b"sec-websocket-key", b"short"), *ASKS[1:]],
        [(b"sec-websocket-key", b"dGhl IHNhbXBsZSBub25jZQ=="), *ASKS[1:]],
        [ASKS[0], *ASKS],
        [ASKS[0], *ASKS[2:]],
        [ASKS[0], (b"sec-websocket-version", b"8"), *ASKS[2:]],
        [*ASKS, ASKS[1]],
    ],
)
async def test_half_a_handshake_goes_nowhere(plugins: list[object], lines: list[tuple[bytes, bytes]]) -> None:
    async with Harness(plugins) as proxy:
        request = ClientRequest("GET", "/v1/responses", [*proxy.codex.say("hi").headers, *lines], b"", {})
        answer = await proxy._connect(request)
        assert not hasattr(answer, "socket")
        assert answer.status == 400

    assert proxy.upstream.handshakes == []


@pytest.mark.wire("W3")
@pytest.mark.parametrize("code", [301, 400, 401, 403, 404, 426, 429, 501, 505])
async def test_a_handshake_that_the_upstream_refuses_for_good_sends_codex_to_http(
    plugins: list[object], code: int
) -> None:
    upstream = StrictUpstream(websocket=status(code, {"error": {"message": "no"}}))
    async with Harness(plugins, upstream=upstream) as proxy:
        refused = await refusal(proxy)

    assert refused.status == 426
    assert json.loads(refused.body)["error"]["code"] == "websocket_unavailable"
    assert len(upstream.handshakes) == 1


@pytest.mark.wire("W3", "W8")
@pytest.mark.parametrize("code", [500, 502, 503, 504, 529])
async def test_a_handshake_that_the_upstream_refuses_for_the_moment_is_its_own_answer(
    plugins: list[object], code: int
) -> None:
    told = {"error": {"message": "overloaded", "code": "server_is_overloaded"}}
    upstream = StrictUpstream(websocket=status(code, told, {"Retry-After": "7", "Set-Cookie": "a=b"}))
    async with Harness(plugins, upstream=upstream) as proxy:
        refused = await refusal(proxy)

    lines = {name.decode(): value.decode() for name, value in refused.headers}
    body = json.dumps(told).encode()
    assert (refused.status, refused.body) == (code, body)
    assert lines == {"content-type": "application/json", "retry-after": "7", "content-length": str(len(body))}


async def test_a_refusal_without_end_comes_down_as_far_as_it_is_sensible(plugins: list[object]) -> None:
    upstream = StrictUpstream(websocket=status(503, b"x" * 1_000_000).on_wire(chunk=999))
    async with Harness(plugins, upstream=upstream) as proxy:
        refused = await refusal(proxy)

    assert (refused.status, set(refused.body)) == (503, {ord("x")})
    assert len(refused.body) < 100_000


async def test_a_refusal_that_breaks_off_comes_down_as_far_as_it_came(
    plugins: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [b"half an an"]

    async def read(answer: object) -> bytes:
        if not parts:
            raise UpstreamCut("the scripted upstream broke off")
        return parts.pop()

    monkeypatch.setattr("codexplus_core.testing.reply.InProcessAnswer.read", read)
    async with Harness(plugins, upstream=StrictUpstream(websocket=503)) as proxy:
        refused = await refusal(proxy)

    assert (refused.status, refused.body) == (503, b"half an an")


@pytest.mark.parametrize(("kind", "code"), [("connect", 502), ("dns", 502), ("tls", 502), ("timeout", 504)])
async def test_an_upstream_that_cannot_be_reached_is_said_with_a_status(kind: str, code: int) -> None:
    async with Harness() as proxy:
        proxy.upstream.unreachable = UpstreamError(kind, "upstream.test: nobody is there")
        refused = await refusal(proxy)

    assert refused.status == code
    assert json.loads(refused.body)["error"]["message"] == "upstream.test: nobody is there"
    assert proxy.log.events("upstream_unreachable") == [{"kind": kind, "message": "upstream.test: nobody is there"}]


@pytest.mark.wire("W3", "W9")
async def test_what_is_answered_here_needs_no_upstream() -> None:
    ping = plugin(on_request=lambda exchange: LocalReply("pong") if exchange.prompt == "/ping" else None)
    async with Harness([ping], transport="websocket", strict=False) as proxy:
        proxy.upstream.unreachable = UpstreamError("connect", "upstream.test: nobody is there")
        here = await proxy.say("/ping")
        there = await proxy.say("hi")

    assert here.text == "pong"
    assert b"upstream.test: nobody is there" in there.body


async def test_a_101_that_answers_another_key_is_a_bad_gateway_where_we_read_along() -> None:
    upstream = StrictUpstream(websocket=status(101, b"", {"sec-websocket-accept": "bm8gYW5zd2VyIHRvIG91ciBrZXk="}))
    async with Harness([plugin(on_request=lambda exchange: None)], upstream=upstream) as proxy:
        refused = await refusal(proxy)

    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (502, "upstream_protocol")


@pytest.mark.parametrize("words", ["x-other", "permessage-deflate; client_max_window_bits"])
async def test_an_upstream_that_agrees_to_what_nobody_offered_is_a_bad_gateway_where_we_read_along(words: str) -> None:
    upstream = StrictUpstream(websocket=status(101, b"", {"sec-websocket-extensions": words}), deflate=False)
    async with Harness([plugin(on_request=lambda exchange: None)], upstream=upstream) as proxy:
        refused = await refusal(proxy)

        assert (refused.status, json.loads(refused.body)["error"]["code"]) == (502, "upstream_protocol")
        async with asyncio.timeout(60):
            await upstream.connections[0].over.wait()


@pytest.mark.wire("W6")
async def test_a_client_that_leaves_while_the_upstream_decides_is_not_waited_for(
    plugins: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, given_up = asyncio.Event(), asyncio.Event()

    async def connect(request: object) -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    async with Harness(plugins) as proxy, asyncio.timeout(60):
        monkeypatch.setattr(proxy.upstream, "connect", connect)
        dialling = asyncio.create_task(dial(proxy))
        await reached.wait()
        dialling.cancel()
        await given_up.wait()
        await asyncio.gather(dialling, return_exceptions=True)


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/responses/compact", "/v1/models", "/"])
async def test_there_is_a_websocket_for_model_requests_only(plugins: list[object], path: str) -> None:
    async with Harness(plugins) as proxy:
        assert (await refusal(proxy, path)).status == 404

    assert proxy.upstream.handshakes == []


@pytest.mark.wire("W3")
async def test_with_websockets_off_codex_is_sent_to_http_and_nobody_else_is_asked(plugins: list[object]) -> None:
    async with Harness(plugins, transport="websocket", websockets="off", script=[text("one")]) as proxy:
        assert (await proxy.say("hi")).text == "one"

        assert proxy.socket_of(proxy.codex).fell_back
    assert proxy.upstream.handshakes == []
    assert [got.method for got in proxy.upstream.requests] == ["POST"]


@pytest.mark.req("P11")
async def test_a_proxy_that_is_to_end_takes_no_further_connection(plugins: list[object]) -> None:
    async with Harness(plugins) as proxy:
        assert await proxy.app.drain(5)
        assert (await refusal(proxy)).status == 426

    assert proxy.upstream.handshakes == []


@pytest.mark.abuse("A01", "A03", "A05", "A06", "A09")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ((b"origin", b"https://evil.example"), 403),
        ((b"origin", b"null"), 403),
        ((b"referer", b"http://127.0.0.1:3000/"), 403),
        ((b"sec-fetch-site", b"same-origin"), 403),
        ((b"x-codexplus-token", b"wrong"), 401),
    ],
)
async def test_a_web_page_gets_no_websocket(plugins: list[object], line: tuple[bytes, bytes], code: int) -> None:
    async with Harness(plugins) as proxy:
        request = proxy.codex.say("hi")
        answer = await proxy._connect(ClientRequest("GET", "/v1/responses", [*request.headers, line], b"", {}))
        assert not hasattr(answer, "socket")
        assert answer.status == code

    assert proxy.upstream.handshakes == []


@pytest.mark.abuse("A17")
async def test_many_connections_at_once_are_each_their_own(plugins: list[object]) -> None:
    upstream = StrictUpstream(default=stall("all", 1, text("done")))
    async with Harness(plugins, upstream=upstream) as proxy, asyncio.timeout(30):
        talkers = [await dial(proxy, codex=CodexClient(seed=at)) for at in range(100)]
        for talker in talkers:
            talker.send(talker.create())
        await upstream.received(100)
        for talker in talkers[::2]:
            talker.frames.channel.abort()
        for connection in upstream.connections[::2]:
            await connection.over.wait()
        upstream.release("all")
        answers = [await talker.answer() for talker in talkers[1::2]]
        for talker in talkers[1::2]:
            talker.frames.close()

    assert {answer[-1]["type"] for answer in answers} == {"response.completed"}


async def test_an_answer_that_is_no_event_at_all_passes(plugins: list[object]) -> None:
    script = [raw(b"null") + raw(b'{"type":"error","status":500,"error":{}}')]
    async with Harness(plugins, script=script, strict=False) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        assert await talker.frames.receive() == b'{"type":"error","status":500,"error":{}}'
        talker.frames.close()
