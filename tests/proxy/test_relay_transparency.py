"""What nobody changes goes up and comes down as its own bytes, whoever looks at it."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
import zstandard
from proxy.looking import Looks
from proxy.over_asgi import over_asgi

from codexplus_core import Exchange, hookimpl
from codexplus_core.proxy.transport import UpstreamError
from codexplus_core.testing import (
    Gate,
    Harness,
    StrictUpstream,
    call,
    cut,
    failed,
    incomplete,
    raw,
    shell,
    status,
    text,
)

both = pytest.mark.transports("http", "websocket")

VERSIONS = ("0.29.0", "0.60.1", "0.98.0", "0.120.0", "0.169.0")


def compact(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


@both
@pytest.mark.req("P5")
@pytest.mark.wire("W1")
@pytest.mark.parametrize("auth", ["chatgpt", "api"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("plugins", [[], [Looks()]], ids=["no plugin", "a plugin that looks"])
async def test_unchanged_requests_go_up_in_the_clients_own_bytes(
    plugins: list[object], version: str, auth: Any, transport: str
) -> None:
    async with Harness(plugins, codex=version, auth=auth, script=[shell("ls"), text("done")]) as proxy:
        requests = [proxy.codex.say("hello")]
        await proxy.send(requests[0])
        requests.append(proxy.codex.outputs("files"))
        await proxy.send(requests[1])
        requests.append(proxy.codex.say("thanks"))
        await proxy.send(requests[2])

        sent_up = [got.raw for got in proxy.upstream.turns]
        if transport == "websocket":
            assert sent_up == [compact(message) for message in proxy.socket.sent[1:]]
            return
        assert sent_up == [sent.body for sent in requests]
        for got, sent in zip(proxy.upstream.turns, requests, strict=True):
            lost = {name.decode() for name, _ in sent.headers} - {name.lower() for name, _ in got.headers}
            assert lost <= {"host", "content-length"}


@pytest.mark.wire("W1")
@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
async def test_a_compressed_request_is_read_by_a_plugin_and_forwarded_as_it_came(encoding: str) -> None:
    packed = {"zstd": zstandard.ZstdCompressor(level=19).compress, "gzip": gzip.compress}[encoding]
    looks = Looks()
    async with Harness([looks], auth="api") as proxy:
        request = proxy.codex.say("hello")
        body = packed(request.body)
        headers = [*request.headers, (b"content-encoding", encoding.encode())]

        reply = await proxy.request("POST", request.path, headers, body)

        assert reply.status == 200
        assert proxy.upstream.turns[0].raw == body
        assert proxy.upstream.turns[0].header("content-encoding") == encoding
        assert "response.completed" in looks.types


WIRES = {
    "one byte": {"chunk": 1},
    "coalesced": {"coalesce": True},
    "crlf": {"crlf": True},
    "crlf in threes": {"crlf": True, "chunk": 3},
    "comments": {"comments": True},
    "no event lines": {"event_lines": False},
    "all at once": {"crlf": True, "comments": True, "event_lines": False, "chunk": 7},
}


@both
@pytest.mark.req("P4", "P5")
@pytest.mark.wire("W2", "W19")
@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("watch", [True, False], ids=["watched", "not watched"])
async def test_an_answer_leaves_with_its_own_bytes_however_it_was_framed(wire: dict[str, Any], watch: bool) -> None:
    answer = text("Grüße, 世界", chunk=3) + shell("ls")
    plugins = [Looks()] if watch else []
    expected = StrictUpstream([answer.on_wire(**wire)])
    async with Harness(script=[answer.on_wire(**wire)], upstream=expected) as plain:
        without = await plain.say("hello")

    async with Harness(plugins, script=[answer.on_wire(**wire)]) as proxy:
        reply = await proxy.say("hello")

    assert reply.ended
    assert reply.body == without.body
    assert reply.seen.calls


@pytest.mark.wire("W2")
async def test_the_head_comes_before_the_first_byte_and_a_delta_before_the_next_one_is_made() -> None:
    gate = Gate("silence")
    async with Harness([Looks()], script=[text("slow").stall(gate, after_events=5)]) as proxy:
        request = proxy.codex.say("hello")
        got: list[Any] = []

        async def send(message: Any) -> None:
            got.append(message)

        async with asyncio.timeout(60):
            sending = asyncio.ensure_future(over_asgi(proxy, request, send))
            await proxy.upstream.standing_at(gate)
            assert got[0]["type"] == "http.response.start"
            before = b"".join(message.get("body", b"") for message in got)
            assert b"output_text.delta" in before
            assert b"response.completed" not in before
            proxy.upstream.release(gate)
            await sending

        assert got[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.mark.req("P5")
@pytest.mark.wire("W8")
@pytest.mark.parametrize("code", [400, 401, 403, 404, 413, 429, 500, 503])
@pytest.mark.parametrize("plugins", [[], [Looks()]], ids=["no plugin", "a plugin that looks"])
async def test_an_upstreams_status_body_and_retry_after_pass_as_they_are(plugins: list[object], code: int) -> None:
    refusal = status(code, b'{"error": {"message":  "as it is"}}', {"Retry-After": "7", "x-codex-credits": "3"})
    async with Harness(plugins, script=[refusal]) as proxy:
        reply = await proxy.say("hello")

    assert (reply.status, reply.body, reply.ended) == (code, b'{"error": {"message":  "as it is"}}', True)
    assert reply.header("retry-after") == "7"
    assert reply.header("x-codex-credits") == "3"


@both
@pytest.mark.req("P7")
@pytest.mark.wire("W7")
@pytest.mark.parametrize("plugins", [[], [Looks()]], ids=["no plugin", "a plugin that looks"])
@pytest.mark.parametrize("after", [0, 1, 4])
async def test_an_upstreams_cut_is_a_cut_for_the_client_too(plugins: list[object], after: int) -> None:
    async with Harness(plugins, script=[cut(after, text("never whole"))]) as proxy:
        reply = await proxy.say("hello")
        again = await proxy.retry()

    assert not reply.ended
    assert "response.completed" not in reply.events
    assert again.text == "Hello from the script."


@both
@pytest.mark.wire("W7")
async def test_a_cut_after_completed_loses_nothing() -> None:
    done = text("whole")
    async with Harness([Looks()], script=[cut(len(_types(done)), done)]) as proxy:
        reply = await proxy.say("hello")

    assert reply.ended
    assert reply.seen.completed


def _types(answer: Any) -> list[Any]:
    from codexplus_core.testing.script import Asked
    from codexplus_core.testing.streams import Ids

    return list(answer.steps(Asked({}, [], Ids()), "resp_1"))


@both
@pytest.mark.parametrize(
    "answer", [failed("rate_limit_exceeded", "slow down"), incomplete()], ids=["failed", "incomplete"]
)
async def test_how_a_response_fails_is_told_as_the_upstream_told_it(answer: Any) -> None:
    async with Harness([Looks()], script=[answer]) as proxy:
        reply = await proxy.say("hello")
    async with Harness(script=[answer]) as plain:
        without = await plain.say("hello")

    assert reply.error == without.error
    assert reply.ended


@pytest.mark.req("P1")
@pytest.mark.wire("W4")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_other_path_and_method_passes_with_its_query(method: str) -> None:
    upstream = StrictUpstream(paths={"/any/thing": status(207, {"ok": True}, {"x-own": "1"})})
    async with Harness([Looks()], upstream=upstream) as proxy:
        body = b'{"a":1}' if method in ("POST", "PUT", "PATCH") else b""
        headers = [(b"authorization", b"Bearer x"), (b"content-type", b"application/json")]
        reply = await proxy.request(method, "/v1/any/thing?b=2&a=%201", headers, body)

    got = upstream.requests[0]
    assert (reply.status, json.loads(reply.body), reply.header("x-own")) == (207, {"ok": True}, "1")
    assert (got.method, got.path, got.raw) == (method, "/v1/any/thing?b=2&a=%201", body)
    assert got.header("authorization") == "Bearer x"


@pytest.mark.wire("W3")
async def test_a_websocket_upgrade_is_answered_426() -> None:
    sent: list[Any] = []
    async with Harness() as proxy:
        headers = [(b"host", b"127.0.0.1:3000"), (b"upgrade", b"websocket"), (b"connection", b"Upgrade")]
        scope = {
            "type": "websocket", "http_version": "1.1", "path": "/v1/responses", "raw_path": b"/v1/responses",
            "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 3000),
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await proxy.app(scope, receive, send)

    assert sent[0]["status"] == 426


@both
@pytest.mark.req("P7")
@pytest.mark.parametrize("plugins", [[], [Looks()]], ids=["no plugin", "a plugin that looks"])
@pytest.mark.parametrize(
    ("kind", "expected"), [("dns", 502), ("connect", 502), ("tls", 502), ("protocol", 502), ("timeout", 504)]
)
async def test_an_upstream_that_gives_no_answer_is_a_502_or_504_in_words(
    plugins: list[object], kind: str, expected: int
) -> None:
    upstream = StrictUpstream()
    upstream.unreachable = UpstreamError(kind, "no way to the backend; check the network")
    async with Harness(plugins, upstream=upstream) as proxy:
        reply = await proxy.say("hello")
        other = await proxy.request("GET", "/v1/models")

    for answer in (reply, other):
        # Where a plugin looks, a WebSocket's client gets it as a message.
        error = json.loads(answer.body.removeprefix(b"data: "))["error"]
        assert (answer.status, answer.ended) == (expected, True)
        assert (error["code"], error["message"]) == (f"upstream_{kind}", "no way to the backend; check the network")


@pytest.mark.req("P5")
async def test_a_response_that_is_no_event_stream_passes_as_it_is() -> None:
    async with Harness([Looks()], script=[raw(b"{ }  odd", "application/json")]) as proxy:
        reply = await proxy.say("hello")

    assert (reply.status, reply.body) == (200, b"{ }  odd")


@both
@pytest.mark.req("P12")
async def test_plugins_see_no_credentials_and_the_log_none_either() -> None:
    seen: dict[str, str] = {}

    class Reads:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            seen.update(exchange.headers)

    async with Harness([Reads()], script=[status(500)]) as proxy:
        await proxy.say("hello")

        assert proxy.upstream.turns[0].header("authorization") == "Bearer dummy-token"
        assert "authorization" not in seen
        assert "dummy-token" not in repr(seen)
        assert "dummy-token" not in repr(proxy.log.entries)


@both
async def test_a_call_of_a_tool_that_the_client_runs_passes_untouched() -> None:
    async with Harness([Looks()], script=[call("view_image", {"path": "a.png"})]) as proxy:
        reply = await proxy.say("look")

    assert [item["name"] for item in reply.seen.calls] == ["view_image"]
