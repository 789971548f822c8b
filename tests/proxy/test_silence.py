"""An upstream that says nothing on its WebSocket: an answer is given up, as over HTTP; between answers it may."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any, cast

import pytest
from proxy.made_plugin import PLUS, plugin
from proxy.sockets import dial
from proxy.test_upstream_bridge import request, whole

from codexplus_core import ToolResult
from codexplus_core.proxy import silence
from codexplus_core.proxy.silence import Silence
from codexplus_core.proxy.transport import UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.proxy.upstream_bridge import SocketUpstream
from codexplus_core.testing import Harness, StrictUpstream, call, stall, text

pytestmark = pytest.mark.wire("W3", "W7")

SHORT = 0.04


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait for a quarter of an hour."""
    monkeypatch.setattr(silence, "SILENCE_S", SHORT)


def looks() -> object:
    return plugin(on_request=lambda exchange: None)


async def another_silence() -> None:
    """Return when one that begins now is over, and with it any that has begun before."""
    over: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    Silence(lambda: False, over.set_result)
    async with asyncio.timeout(60):
        await over


async def test_an_answer_that_does_not_begin_is_an_error_and_the_next_one_comes_on_another_connection() -> None:
    upstream = StrictUpstream([stall("never", 0), text("two")])
    async with Harness([looks()], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        (refused,) = await talker.ask(talker.create())
        second = await talker.ask(talker.create())
        talker.frames.close()

    assert (refused["type"], refused["status"], refused["error"]["code"]) == ("error", 504, "upstream_timeout")
    assert "said nothing on its WebSocket for 0.04 s" in refused["error"]["message"]
    assert second[-1]["type"] == "response.completed"
    assert len(upstream.connections) == 2 and upstream.connections[0].cut
    assert proxy.log.events("upstream_unreachable")


@pytest.mark.parametrize("looking", [[looks()], [plugin(on_chunk=lambda event: None)]])
async def test_an_answer_that_stands_still_is_cut(looking: list[object]) -> None:
    upstream = StrictUpstream([stall("never", 5)])
    async with Harness(looking, upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        assert await talker.end() is None

    assert "said nothing" in proxy.log.events("upstream_cut")[0]["message"]


async def test_a_round_that_does_not_begin_is_an_error_too() -> None:
    upstream = StrictUpstream([call("plus", {}), stall("never", 0)])
    adding = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=lambda call: ToolResult("42"))
    async with Harness([adding], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        got = await talker.ask(talker.create())
        talker.frames.close()

    assert (got[-1]["type"], got[-1]["status"]) == ("error", 504)


async def test_between_answers_a_connection_may_be_silent() -> None:
    upstream = StrictUpstream([text("one"), text("two")])
    async with Harness([looks()], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await talker.ask(talker.create())
        await another_silence()
        second = await talker.ask(talker.create([], first[-1]["response"]["id"]))
        talker.frames.close()

    assert second[-1]["type"] == "response.completed"
    assert len(upstream.connections) == 1


async def test_while_a_plugin_lets_the_upstream_wait_it_is_not_silent() -> None:
    async def on_tool_use(call: Any) -> ToolResult:
        await another_silence()
        return ToolResult("42")

    upstream = StrictUpstream([call("plus", {}), text("two")])
    adding = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
    async with Harness([adding], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        got = await talker.ask(talker.create())
        talker.frames.close()

    assert got[-1]["type"] == "response.completed"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("after", [0, 5])
async def test_a_client_over_http_is_told_while_it_has_heard_nothing(after: int, stream: bool) -> None:
    upstream = SocketUpstream(StrictUpstream([stall("never", after)]))
    async with asyncio.timeout(60):
        if after and stream:
            answer = await upstream.open(request(stream=stream))
            with pytest.raises(UpstreamCut, match="said nothing"):
                await whole(answer)
        else:
            with pytest.raises(UpstreamError, match="said nothing") as given_up:
                await upstream.open(request(stream=stream))
            assert given_up.value.kind == "timeout"


async def test_that_is_a_504_for_codex() -> None:
    upstream = SocketUpstream(StrictUpstream([stall("never", 0)]))
    async with Harness(upstream=cast(Any, upstream), codex="0.29.0", strict=False) as proxy, asyncio.timeout(60):
        reply = await proxy.say("hi")

    assert reply.status == 504
    assert json.loads(reply.body)["error"]["code"] == "upstream_timeout"


async def test_a_handshake_that_nobody_answers_is_given_up() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    upstream = CurlUpstream(head_timeout=SHORT)
    try:
        async with asyncio.timeout(60):
            with pytest.raises(UpstreamError, match="did not answer within") as given_up:
                await upstream.connect(UpstreamRequest("GET", f"ws://127.0.0.1:{listener.getsockname()[1]}/v1", []))
    finally:
        await upstream.aclose()
        listener.close()

    assert given_up.value.kind == "timeout"


async def test_what_is_heard_now_and_then_is_no_silence() -> None:
    asked = 0
    over: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def heard() -> bool:
        nonlocal asked
        asked += 1
        return asked in (8, 16, 24)

    Silence(heard, over.set_result)
    async with asyncio.timeout(60):
        assert await over == SHORT

    assert asked == 24 + 8
