"""A client on a WebSocket that does not read: whoever fills it has to wait, and memory does not grow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from proxy.made_plugin import plugin
from proxy.sockets import dial

from codexplus_core.testing import Harness, StrictUpstream, text


@pytest.fixture(params=["unread", "read along"])
def plugins(request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """No plugin, so that the connection is a tunnel, or one that looks."""
    yield [] if request.param == "unread" else [plugin(on_request=lambda exchange: None, on_chunk=lambda event: None)]


@pytest.mark.abuse("A17")
async def test_a_client_that_does_not_read_holds_the_upstream_back(plugins: list[object]) -> None:
    big = "x" * 20_000_000
    upstream = StrictUpstream([text(big, chunk=50_000)], deflate=False)
    async with Harness(plugins, upstream=upstream) as proxy, asyncio.timeout(20):
        talker = await dial(proxy, deflate=False)
        talker.send(talker.create())
        while not upstream.requests or upstream.requests[0].answer[-1:] == []:
            await asyncio.sleep(0)
        said = -1
        while said != len(upstream.requests[0].answer):
            said = len(upstream.requests[0].answer)
            for _ in range(50):
                await asyncio.sleep(0)
        assert said < 150, "of four hundred"

        got = await talker.answer()
        talker.frames.close()
    assert got[-1]["type"] == "response.completed"


@pytest.mark.abuse("A17")
async def test_a_client_that_does_not_read_holds_back_what_the_upstream_says_unasked(plugins: list[object]) -> None:
    async with Harness(plugins, upstream=StrictUpstream(deflate=False)) as proxy, asyncio.timeout(20):
        talker = await dial(proxy, deflate=False)
        (connection,) = proxy.upstream.connections
        note = b'{"type":"note","x":"%b"}' % (b"x" * 10_000)
        for _ in range(500):
            connection.send(note)
            await asyncio.sleep(0)
        end: Any = talker.frames.channel
        assert end.waiting < 500_000, "of five million"
        assert [await talker.frames.receive() for _ in range(500)] == [note] * 500
        talker.frames.close()


@pytest.mark.abuse("A17")
async def test_pings_on_a_connection_whose_answers_nobody_reads_are_held_back() -> None:
    async with Harness([plugin(on_request=lambda exchange: None)]) as proxy, asyncio.timeout(20):
        talker = await dial(proxy)
        end: Any = talker.frames.channel
        for at in range(20_000):
            talker.frames.ping(b"x" * 100)
            if at % 100 == 0:
                await asyncio.sleep(0)
        assert end.waiting < 200_000, "of two million"

        talker.frames.channel.close()
        await proxy.upstream.connections[0].over.wait()
