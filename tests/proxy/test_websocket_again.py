"""An upstream that ends its WebSocket while the proxy is busy: asked on another connection where nothing was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from proxy.made_plugin import PLUS, plugin
from proxy.sockets import dial

from codexplus_core import Exchange, ToolCall, ToolResult, hookimpl
from codexplus_core.proxy.transport import UpstreamError
from codexplus_core.testing import Answer, Harness, StrictUpstream, call, cut, stall, status, text

pytestmark = pytest.mark.transports("websocket")

HIDDEN = call("plus", {})


class Adds:
    """Has a tool of its own, during which the upstream ends its connection, and becomes what ``then`` makes of it."""

    def __init__(self, upstream: StrictUpstream, then: Callable[[], None] = lambda: None) -> None:
        self.runs = 0
        self._upstream = upstream
        self._then = then

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.add_tool(*PLUS)

    @hookimpl
    async def on_tool_use(self) -> ToolResult:
        self.runs += 1
        connection = self._upstream.connections[-1]
        connection.close(1001, "idle")
        await connection.over.wait()
        self._then()
        return ToolResult("42")


@pytest.mark.req("P8")
@pytest.mark.wire("W3", "W12")
async def test_a_further_round_goes_up_on_a_new_connection_with_the_whole_conversation() -> None:
    upstream = StrictUpstream([HIDDEN, text("42 it is")])
    adds = Adds(upstream)
    async with Harness([adds], upstream=upstream) as proxy:
        reply = await proxy.say("add")
        later = await proxy.say("thanks")

        first, second, third = proxy.upstream.turns
        assert (reply.text, adds.runs) == ("42 it is", 1)
        assert second.connection is not first.connection
        assert "previous_response_id" not in second.body
        assert second.conversation[: len(first.conversation)] == first.conversation
        assert third.connection is second.connection, "what follows goes on from there"
        assert "previous_response_id" in third.body
        assert later.text == "Hello from the script."
        assert len(proxy.socket.handshakes) == 1, "the client has noticed nothing"
        assert not [entry for entry in proxy.log.entries if entry[0] in ("warning", "error")]


@pytest.mark.req("P8")
@pytest.mark.wire("W3")
@pytest.mark.parametrize("how", ["close frame", "cut"])
async def test_a_connection_that_ends_while_a_plugin_thinks_is_opened_again(how: str) -> None:
    thinking, go = asyncio.Event(), asyncio.Event()

    async def on_request(exchange: Exchange) -> None:
        if exchange.prompt == "second":
            thinking.set()
            await go.wait()

    async with asyncio.timeout(60), Harness([plugin(on_request=on_request)]) as proxy:
        await proxy.say("first")
        saying = asyncio.ensure_future(proxy.say("second"))
        await thinking.wait()
        connection = proxy.upstream.connections[0]
        if how == "cut":
            connection.abort()
        else:
            connection.close(1001, "idle")
        await connection.over.wait()
        go.set()
        reply = await saying

        first, second = proxy.upstream.turns
        assert reply.text == "Hello from the script."
        assert len(proxy.socket.handshakes) == 1
        assert second.connection is not first.connection
        assert second.conversation[: len(first.conversation)] == first.conversation
        assert len(second.conversation) > len(first.conversation) + 1, "with the answer that the client had"


@pytest.mark.req("P8")
@pytest.mark.wire("W3", "W7")
@pytest.mark.parametrize("refusal", [401, 426, 503])
async def test_an_upstream_that_wants_no_second_connection_is_a_cut_and_says_why_to_the_clients_own_handshake(
    refusal: int,
) -> None:
    upstream = StrictUpstream([HIDDEN, text("42 it is")])
    adds = Adds(upstream, then=lambda: setattr(upstream, "websocket", refusal))
    async with Harness([adds], upstream=upstream) as proxy:
        broken = await proxy.say("add")
        again = await proxy.retry()

        assert not broken.ended
        if refusal == 503:
            assert again.status == 503
        else:
            assert (again.text, proxy.socket.fell_back) == ("42 it is", True)
        assert adds.runs == 1


@pytest.mark.req("P7")
@pytest.mark.wire("W3", "W7")
async def test_an_unreachable_upstream_in_a_further_round_is_a_cut_and_the_retry_finds_the_work_done() -> None:
    upstream = StrictUpstream([HIDDEN, text("42 it is")])
    adds = Adds(upstream, then=lambda: setattr(upstream, "unreachable", UpstreamError("connect", "gone")))
    async with Harness([adds], upstream=upstream) as proxy:
        broken = await proxy.say("add")
        upstream.unreachable = None
        again = await proxy.retry()

        assert not broken.ended
        assert (again.text, adds.runs) == ("42 it is", 1)
        assert proxy.log.events("upstream_unreachable") == [{"kind": "connect", "message": "gone"}]


def adding(runs: list[str]) -> object:
    """A plugin with a tool of its own."""

    def on_tool_use(call: ToolCall) -> ToolResult:
        runs.append(call.id)
        return ToolResult("42")

    return plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)


@pytest.mark.req("P7")
@pytest.mark.wire("W3", "W7")
@pytest.mark.parametrize("trouble", [status(400), status(429), status(500), cut(0), cut(4)])
async def test_trouble_in_a_further_round_reaches_the_client_and_its_next_request_is_legal(trouble: Answer) -> None:
    runs: list[str] = []
    async with Harness([adding(runs)], script=[HIDDEN, trouble, text("42 it is"), text("later")]) as proxy:
        broken = await proxy.say("add")
        again = await proxy.retry()
        later = await proxy.say("more")

        assert (broken.status, broken.ended) == ((trouble.status, True) if trouble.status != 200 else (200, False))
        assert (again.text, later.text, len(runs)) == ("42 it is", "later", 1)


@pytest.mark.abuse("I15")
@pytest.mark.wire("W3")
async def test_after_a_plugin_that_may_not_be_skipped_has_failed_the_same_connection_takes_the_next_request() -> None:
    failures = [RuntimeError("boom")]

    def on_chunk() -> None:
        if failures:
            raise failures.pop()

    closed = plugin(FAIL_CLOSED=True, WATCHES=("response.output_text.delta",), on_chunk=on_chunk)
    async with asyncio.timeout(60), Harness([closed], script=[stall("rest", 6, text("one")), text("two")]) as proxy:
        talker = await dial(proxy)
        failed = await talker.ask(talker.create())
        reply = await talker.ask(talker.create())
        talker.frames.close()

    assert failed[-1]["type"] == "response.failed"
    assert "must not be skipped" in failed[-1]["response"]["error"]["message"]
    assert reply[-1]["type"] == "response.completed"
    assert len(proxy.upstream.connections) == 2, "the unread rest of the first answer went with its connection"


@pytest.mark.wire("W3")
@pytest.mark.parametrize("stream", [{}, {"stream": False}], ids=["unsaid", "false"])
async def test_a_client_that_says_nothing_of_a_stream_has_its_tools_added_and_its_calls_judged(stream: Any) -> None:
    runs: list[str] = []
    async with asyncio.timeout(60), Harness([adding(runs)], script=[HIDDEN, text("42 it is")]) as proxy:
        talker = await dial(proxy)
        said = talker.create()
        del said["stream"]
        got = await talker.ask({**said, **stream})
        talker.frames.close()

    assert len(runs) == 1
    assert [message["type"] for message in got].count("response.completed") == 1
