"""How a WebSocket ends: by whom, in which way, and what the other side sees of it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from proxy.made_plugin import plugin
from proxy.sockets import Talker, dial

from codexplus_core import LocalReply
from codexplus_core.proxy import tunnel
from codexplus_core.testing import Harness, StrictUpstream, stall, text


def looks() -> object:
    """A plugin that looks at everything and changes nothing."""
    return plugin(on_request=lambda exchange: None, on_chunk=lambda event: None)


@pytest.fixture(params=["unread", "read along"])
def plugins(request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """No plugin, so that the connection is a tunnel, or one that looks."""
    yield [] if request.param == "unread" else [looks()]


async def over(upstream: StrictUpstream) -> Any:
    """The upstream's connection, once it has ended."""
    async with asyncio.timeout(60):
        await upstream.connections[0].over.wait()
    return upstream.connections[0]


async def end_of(talker: Talker) -> tuple[int, str] | None:
    async with asyncio.timeout(60):
        return await talker.end()


CODES = [(1000, ""), (1000, "bye"), (1001, "moved"), (1011, "größer"), (4321, "websocket_connection_limit_reached")]


@pytest.mark.wire("W7")
@pytest.mark.parametrize(("code", "reason"), CODES)
async def test_an_upstream_that_closes_while_idle_closes_to_the_client_the_same_way(
    plugins: list[object], code: int, reason: str
) -> None:
    async with Harness(plugins) as proxy:
        talker = await dial(proxy)
        await talker.ask(talker.create())
        proxy.upstream.connections[0].close(code, reason)

        assert await end_of(talker) == (code, reason)


@pytest.mark.wire("W7")
async def test_an_upstreams_last_words_come_down_before_its_close_frame(plugins: list[object]) -> None:
    last = b'{"type":"error","error":{"code":"websocket_connection_limit_reached"}}'
    async with Harness(plugins, upstream=StrictUpstream(deflate=False)) as proxy:
        talker = await dial(proxy, deflate=False)
        await talker.ask(talker.create())
        proxy.upstream.connections[0]._frames.channel.write(b"\x81" + bytes([len(last)]) + last + b"\x88\x02\x03\xe9")

        async with asyncio.timeout(60):
            assert await talker.frames.receive() == last
        assert await end_of(talker) == (1001, "")


@pytest.mark.wire("W7")
@pytest.mark.parametrize(("code", "reason"), CODES)
async def test_an_upstream_that_closes_within_an_answer_closes_to_the_client_the_same_way(
    plugins: list[object], code: int, reason: str
) -> None:
    upstream = StrictUpstream([stall("here", 3)])
    async with Harness(plugins, upstream=upstream) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        await upstream.standing_at("here")
        upstream.connections[0].close(code, reason)
        got = await talker.answer()

        assert await end_of(talker) == (code, reason)
    assert [event["type"] for event in got][-1] not in ("response.completed", "response.failed", "error")
    assert len(got) == 3, "and all that came before the end"


@pytest.mark.wire("W7")
@pytest.mark.parametrize("when", ["idle", "within"])
async def test_an_upstream_that_breaks_off_is_a_cut_for_the_client(
    plugins: list[object], when: Literal["idle", "within"]
) -> None:
    upstream = StrictUpstream([stall("here", 3)] if when == "within" else [])
    async with Harness(plugins, upstream=upstream) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        if when == "within":
            await upstream.standing_at("here")
        else:
            await talker.answer()
        upstream.connections[0].abort()

        assert await end_of(talker) is None


@pytest.mark.wire("W7")
@pytest.mark.parametrize("garbage", [b"\x83\x01x", b"HTTP/1.1 200 OK\r\n\r\n", b"\x81\x85masked"])
async def test_an_upstream_that_speaks_no_websocket_any_more_is_a_cut_for_the_client(garbage: bytes) -> None:
    upstream = StrictUpstream([stall("here", 3)])
    async with Harness([looks()], upstream=upstream, strict=False) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        await upstream.standing_at("here")
        upstream.connections[0]._frames.channel.write(garbage)

        assert await end_of(talker) is None
        assert (await over(upstream)).left[0] == 1002


@pytest.mark.wire("W6")
@pytest.mark.parametrize(("code", "reason"), CODES)
async def test_a_client_that_closes_closes_to_the_upstream_the_same_way(
    plugins: list[object], code: int, reason: str
) -> None:
    async with Harness(plugins) as proxy:
        talker = await dial(proxy)
        await talker.ask(talker.create())
        talker.frames.close(code, reason)

        assert (await over(proxy.upstream)).left == (code, reason)


async def test_a_close_frame_without_a_code_goes_on_without_one(plugins: list[object]) -> None:
    async with Harness(plugins) as proxy:
        talker = await dial(proxy)
        talker.frames.channel.write(b"\x88\x80\0\0\0\0")

        assert (await over(proxy.upstream)).left == (1005, "")


@pytest.mark.wire("W6")
@pytest.mark.parametrize("how", ["close frame", "end", "cut"])
async def test_a_client_that_leaves_within_an_answer_ends_the_upstreams_connection_at_once(
    plugins: list[object], how: str
) -> None:
    upstream = StrictUpstream([stall("never", 3)])
    async with Harness(plugins, upstream=upstream) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        await upstream.standing_at("never")
        if how == "close frame":
            talker.frames.close(1000)
        elif how == "end":
            talker.frames.channel.close()
        else:
            talker.frames.channel.abort()

        await over(upstream)
    assert upstream.requests[0].aborted


@pytest.mark.wire("W6")
async def test_a_client_that_leaves_while_a_plugin_thinks_sends_nothing_up() -> None:
    thinking, ended = asyncio.Event(), asyncio.Event()

    async def on_request() -> None:
        thinking.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Harness([plugin(on_request=on_request)]) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        await thinking.wait()
        talker.frames.channel.close()
        await ended.wait()
        await over(proxy.upstream)

    assert proxy.upstream.requests == []


@pytest.mark.wire("W6")
async def test_a_client_that_leaves_with_requests_still_unread_leaves_them_unasked() -> None:
    upstream = StrictUpstream([stall("never", 1)])
    async with Harness([looks()], upstream=upstream) as proxy:
        talker = await dial(proxy)
        for _ in range(3):
            talker.send(talker.create())
        await upstream.standing_at("never")
        talker.frames.channel.close()
        await over(upstream)

    assert len(upstream.requests) == 1


@pytest.mark.abuse("A12")
async def test_a_client_that_breaks_the_protocol_is_sent_away_and_the_upstream_sees_a_cut() -> None:
    async with Harness([looks()]) as proxy:
        talker = await dial(proxy)
        talker.frames.channel.write(b"\x81\x02hi")

        assert (await end_of(talker) or (0,))[0] == 1002
        connection = await over(proxy.upstream)
    assert (connection.left, connection.cut) == (None, True)


# -- a proxy that is to end


async def test_draining_closes_idle_conversations_with_1001() -> None:
    async with Harness([looks()]) as proxy:
        talkers = [await dial(proxy), await dial(proxy)]
        await talkers[0].ask(talkers[0].create())

        assert await proxy.app.drain(5)
        assert [await end_of(talker) for talker in talkers] == [(1001, "the proxy is stopping")] * 2
        for connection in proxy.upstream.connections:
            await connection.over.wait()


@pytest.mark.req("P11")
async def test_draining_lets_a_running_answer_end_and_takes_no_further_request() -> None:
    upstream = StrictUpstream([stall("here", 3, text("to the end"))])
    async with Harness([looks()], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        talker.send(talker.create())
        await upstream.standing_at("here")
        draining = asyncio.create_task(proxy.app.drain(5))
        await asyncio.sleep(0)
        upstream.release("here")
        got = await talker.answer()

        assert got[-1]["type"] == "response.completed"
        assert await end_of(talker) == (1001, "the proxy is stopping")
        assert await draining
    assert len(upstream.requests) == 1


@pytest.mark.req("P11")
async def test_draining_lets_a_local_answer_end() -> None:
    going = asyncio.Event()

    async def words() -> Any:
        yield "one "
        await going.wait()
        yield "two"

    async with Harness([plugin(on_request=lambda exchange: LocalReply(words()))]) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        await talker.frames.receive()
        draining = asyncio.create_task(proxy.app.drain(5))
        await asyncio.sleep(0)
        going.set()
        got = await talker.answer()

        assert got[-1]["type"] == "response.completed"
        assert await draining


@pytest.mark.req("P11")
async def test_draining_ends_a_quiet_tunnel_and_waits_for_one_that_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "QUIET_S", 3600.0)
    async with Harness() as proxy:
        talker = await dial(proxy)
        assert not await proxy.app.drain(0.01)
        answer = await talker.ask(talker.create())
        assert answer[-1]["type"] == "response.completed"
        talker.frames.close()

    monkeypatch.setattr(tunnel, "QUIET_S", 0.0)
    async with Harness() as proxy:
        talker = await dial(proxy)
        await talker.ask(talker.create())
        assert await proxy.app.drain(5)
        assert await end_of(talker) == (1001, "the proxy is stopping")
        assert (await over(proxy.upstream)).left is None, "as after Codex, which says nothing either"


@pytest.mark.wire("W7")
@pytest.mark.parametrize("part", [b"\x81", b"\x81\x7e\x01", b"\x81\x05hel"])
async def test_a_tunnel_that_ends_within_a_frame_is_cut(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "QUIET_S", 0.0)
    async with Harness() as proxy:
        talker = await dial(proxy)
        await talker.ask(talker.create())
        proxy.upstream.connections[0]._frames.channel.write(b"\x81\x02{}" + part)
        assert await talker.frames.receive() == b"{}"
        assert await proxy.app.drain(5)

        assert await talker.frames.channel.read() == b"", "no close frame in the middle of the other"


async def test_a_close_reason_goes_through_byte_for_byte_even_at_its_longest() -> None:
    async with Harness([looks()]) as proxy:
        talker = await dial(proxy)
        talker.frames.channel.write(b"\x88\xfd\0\0\0\0" + struct.pack("!H", 4000) + b"r" * 123)

        assert (await over(proxy.upstream)).left == (4000, "r" * 123)
