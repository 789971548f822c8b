"""A client that goes takes its work with it, in every phase; one that waits is kept alive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from proxy.made_plugin import PLUS, plugin
from proxy.over_asgi import over_asgi
from proxy.sockets import dial

from codexplus_core import Exchange, LocalReply, Refusal, ToolResult, hookimpl
from codexplus_core.proxy.transport import UpstreamError, UpstreamRequest
from codexplus_core.testing import Gate, Harness, StrictUpstream, call, status, text

pytestmark = pytest.mark.transports("http", "websocket")


@pytest.mark.req("P11")
@pytest.mark.wire("W6")
@pytest.mark.parametrize("phase", ["on_request", "other path", "before the head", "mid-stream", "hidden tool", "local"])
async def test_a_client_that_goes_ends_the_plugins_work_and_the_upstreams(phase: str, transport: str) -> None:
    reached, ended, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
    outcomes: list[Any] = []

    async def work() -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def pieces() -> AsyncIterator[str]:
        yield "one"
        await work()

    class Slow:
        @hookimpl
        async def on_request(self, exchange: Exchange) -> Any:
            if phase == "on_request" or (phase == "other path" and exchange.kind == "other"):
                await work()
            exchange.add_tool(*PLUS)
            return LocalReply(pieces()) if phase == "local" else None

        @hookimpl
        async def on_tool_use(self) -> None:
            await work()

        @hookimpl
        def on_exchange_end(self, outcome: Any) -> None:
            outcomes.append(outcome)

    gate = Gate("gate")
    script = {"mid-stream": text("slow").stall(gate, 4), "before the head": text("slow").stall(gate, 0)}
    async with asyncio.timeout(60), Harness([Slow()], script=[script.get(phase, call("plus", {}))]) as proxy:
        request = proxy.codex.say("hello")
        path, method = ("/v1/models", "GET") if phase == "other path" else (request.path, "POST")
        body = b"" if phase == "other path" else request.body
        over_websocket = transport == "websocket" and phase != "other path"
        sending = asyncio.ensure_future(
            proxy.send(request) if over_websocket else proxy.request(method, path, request.headers, body, leave=leave)
        )
        await (proxy.upstream.standing_at(gate) if phase in script else reached.wait())

        if over_websocket:
            proxy.socket.drop()
        leave.set()
        reply = await sending
        if over_websocket:
            await ended_upstream(proxy.upstream)

        assert not reply.ended
        assert phase in script or ended.is_set()
        assert all(got.aborted for got in proxy.upstream.turns if phase in script)
        assert over_websocket or proxy.app.active == 0
    assert proxy.app.active == 0
    assert phase == "other path" or [outcome.error for outcome in outcomes] == ["client_gone"]


async def ended_upstream(upstream: StrictUpstream) -> None:
    for connection in upstream.connections:
        await connection.over.wait()


@pytest.mark.req("P8")
@pytest.mark.wire("W3", "W16")
@pytest.mark.parametrize("then", ["model", "local", "refusal", "error", "gone"])
@pytest.mark.transports("websocket")
async def test_a_slow_plugin_keeps_a_websockets_client_alive_with_messages(then: str) -> None:
    go = asyncio.Event()

    async def on_request() -> Any:
        await go.wait()
        return {"local": LocalReply("pong"), "refusal": Refusal("no")}.get(then)

    upstream = StrictUpstream([status(400, {"error": {"message": "too long"}})] if then == "error" else [])
    slow = plugin(on_request=on_request)
    async with asyncio.timeout(60), Harness([slow], upstream=upstream, keepalive_s=0.001) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        got = [json.loads(await talker.frames.receive() or b"{}") for _ in range(3)]
        if then == "gone":
            upstream.connections[0].abort()
            upstream.unreachable = UpstreamError("connect", "gone")
        go.set()
        got += await talker.answer()
        talker.frames.close()

    types = [message["type"] for message in got]
    assert types[:3] == ["response.created", "response.in_progress", "response.in_progress"]
    assert types.count("response.created") == 1
    ends = {"refusal": "response.failed", "error": "error", "gone": "response.in_progress"}
    assert types[-1] == ends.get(then, "response.completed")
    if then == "error":
        assert (got[-1]["status"], got[-1]["error"]["message"]) == (400, "too long")


@pytest.mark.req("P8")
@pytest.mark.wire("W16")
@pytest.mark.transports("http")
async def test_a_slow_plugin_at_the_end_of_a_turn_keeps_the_client_alive_too() -> None:
    go = asyncio.Event()

    async def on_turn_end() -> None:
        await go.wait()

    async with asyncio.timeout(60), Harness([plugin(on_turn_end=on_turn_end)], keepalive_s=0.001) as proxy:
        body = b""

        async def send(message: Any) -> None:
            nonlocal body
            body += message.get("body", b"")
            behind = body.rpartition(b"event: response.output_item.done")[2]
            if behind.count(b"event: response.in_progress") == 2:
                go.set()

        await over_asgi(proxy, proxy.codex.say("hello"), send)
        seen = proxy.codex.receive(body)

    assert go.is_set()
    assert seen.text == "Hello from the script."
    assert seen.completed


@pytest.mark.req("P8")
@pytest.mark.wire("W16")
@pytest.mark.parametrize("then", ["model", "local", "refusal", "error", "unreachable"])
@pytest.mark.transports("http")
async def test_a_slow_plugin_keeps_the_client_alive_with_data_events(then: str) -> None:
    go = asyncio.Event()

    async def on_request() -> Any:
        await go.wait()
        return {"local": LocalReply("pong"), "refusal": Refusal("no")}.get(then)

    upstream = StrictUpstream([status(400, {"error": {"message": "too long"}})] if then == "error" else [])
    if then == "unreachable":
        upstream.unreachable = UpstreamError("connect", "gone")
    slow = plugin(on_request=on_request)
    async with asyncio.timeout(60), Harness([slow], upstream=upstream, keepalive_s=0.001) as proxy:
        request = proxy.codex.say("hello")
        body, heads = b"", []

        async def send(message: Any) -> None:
            nonlocal body
            heads.extend([message["status"]] if "status" in message else [])
            body += message.get("body", b"")
            if body.count(b"event: response.in_progress") == 2:
                go.set()

        await over_asgi(proxy, request, send)
        seen = proxy.codex.receive(body)

    assert heads == [200]
    assert seen.events[:3] == ["response.created", "response.in_progress", "response.in_progress"]
    assert seen.events.count("response.created") == 1
    assert seen.text == {"model": "Hello from the script.", "local": "pong"}.get(then, "")
    assert seen.completed is (then in ("model", "local"))
    words = {"refusal": "no", "error": "too long", "unreachable": "stream disconnected before completion"}
    assert seen.error == words.get(then)
    assert seen.retries is (then == "unreachable")


@pytest.mark.req("P11")
@pytest.mark.transports("http")
async def test_an_answer_that_comes_in_the_moment_in_which_the_client_leaves_is_not_left_open() -> None:
    class Leaving(StrictUpstream):
        """Lets the client go as soon as it has an answer for a further round."""

        async def open(self, request: UpstreamRequest) -> Any:
            answer = await super().open(request)
            if len(self.requests) == 2:
                asyncio.get_running_loop().call_soon(sending.cancel)
            return answer

    async def on_tool_use() -> ToolResult:
        await asyncio.sleep(0)
        return ToolResult("42")

    gate = Gate("gate")
    adds = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
    upstream = Leaving([call("plus", {}), text("42").stall(gate, 1)])
    async with asyncio.timeout(60), Harness([adds], upstream=upstream) as proxy:
        sending = asyncio.ensure_future(proxy.say("add"))
        await asyncio.wait({sending})

        assert sending.cancelled()
        assert [got.aborted for got in upstream.requests] == [False, True]
