"""What goes on beside a WebSocket's messages, and what is left of them: on_exchange_end, and memory."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from proxy.front import until
from proxy.made_plugin import plugin
from proxy.sockets import dial

from codexplus_core import hookimpl
from codexplus_core.proxy.conversation_socket import Conversation
from codexplus_core.proxy.frames import Frames
from codexplus_core.proxy.link import Link
from codexplus_core.proxy.passage import Passage
from codexplus_core.proxy.tunnel import Tunnel
from codexplus_core.testing import Harness, call

HELD = (Conversation, Frames, Link, Passage, Tunnel)


class Ends:
    """Waits in ``on_exchange_end`` until it may go on."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.ended = 0

    @hookimpl
    async def on_exchange_end(self) -> None:
        """Be told of one more."""
        self.begun.set()
        await self.go.wait()
        self.ended += 1


async def test_the_next_message_does_not_wait_for_what_plugins_do_after_the_last_one() -> None:
    ends = Ends()
    async with Harness([ends]) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        await talker.ask(talker.create())
        await ends.begun.wait()
        got = await talker.ask(talker.create())
        assert (got[-1]["type"], ends.ended) == ("response.completed", 0)

        ends.go.set()
        talker.frames.close()
    assert ends.ended == 2


@pytest.mark.req("P11")
async def test_draining_waits_for_what_plugins_do_after_a_message() -> None:
    ends = Ends()
    async with Harness([ends]) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        await talker.ask(talker.create())
        await ends.begun.wait()
        draining = asyncio.create_task(proxy.app.drain(5))
        assert await talker.end() == (1001, "the proxy is stopping")
        assert not draining.done()

        ends.go.set()
        assert await draining
    assert ends.ended == 1


@pytest.mark.wire("W6")
@pytest.mark.parametrize("how", ["close frame", "end", "cut"])
async def test_an_exchange_whose_client_left_before_it_began_is_told_as_such(how: str) -> None:
    outcomes: list[Any] = []
    asked: list[Any] = []
    told = plugin(
        on_request=lambda exchange: asked.append(exchange), on_exchange_end=lambda outcome: outcomes.append(outcome)
    )
    async with Harness([told]) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        if how == "close frame":
            talker.frames.close()
        elif how == "end":
            talker.frames.channel.close()
        else:
            talker.frames.channel.abort()
        await proxy.upstream.connections[0].over.wait()

    assert [outcome.error for outcome in outcomes] == ["client_gone"]
    assert asked == proxy.upstream.requests == []


@pytest.mark.parametrize("kind", ["unread", "read along", "left within an answer"])
async def test_nothing_is_left_of_a_connection_before_the_collector_comes(kind: str) -> None:
    plugins = [] if kind == "unread" else [plugin(on_request=lambda exchange: None, on_chunk=lambda event: None)]
    async with Harness(plugins, script=[call("shell", {}), call("shell", {})], strict=False) as proxy:
        gc.collect()
        before = [id(thing) for thing in gc.get_objects() if isinstance(thing, HELD)]
        gc.disable()
        try:
            async with asyncio.timeout(60):
                for _ in range(2):
                    talker = await dial(proxy)
                    talker.send(talker.create())
                    if kind == "left within an answer":
                        await talker.frames.receive()
                        talker.frames.channel.abort()
                    else:
                        await talker.answer()
                        talker.frames.close()
                for connection in proxy.upstream.connections:
                    await connection.over.wait()
                await until(lambda: proxy.app.active == 0)
                await asyncio.sleep(0)
            assert [type(x).__name__ for x in gc.get_objects() if isinstance(x, HELD) and id(x) not in before] == []
        finally:
            gc.enable()
