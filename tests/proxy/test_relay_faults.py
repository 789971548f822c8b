"""A plugin's fault is its own, unless it says that it must not be skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from proxy.made_plugin import DONE, plugin, sent

from codexplus_core import Exchange, LocalReply, hookimpl
from codexplus_core.testing import Harness, shell, text


class Faulty:
    """Fails in every hook, in its own way."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def fail(self) -> Any:
        if self.how == "raises":
            raise RuntimeError("boom")
        if self.how == "hangs":
            await asyncio.Event().wait()
        return object()

    @hookimpl
    async def on_session(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_request(self, exchange: Exchange) -> Any:
        exchange.prompt = "half an edit" if exchange.prompt else None
        return await self.fail()

    @hookimpl
    async def on_tool_use(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_tool_result(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_chunk(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_turn_end(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_exchange_end(self) -> Any:
        return await self.fail()


@pytest.mark.req("P11")
@pytest.mark.abuse("I15")
@pytest.mark.parametrize("how", ["raises", "hangs", "answers nonsense"])
async def test_a_faulty_plugin_harms_nobody_else(how: str) -> None:
    seen: list[str] = []
    good = plugin(on_request=lambda exchange: seen.append(exchange.prompt or ""), ORDER=90)
    async with Harness([Faulty(how), good], script=[shell("ls"), text("done")], limit=0.002) as proxy:
        first = await proxy.say("hello")
        second = await proxy.tool_outputs("files")

        assert (len(first.seen.calls), second.text) == (1, "done")
        assert seen == ["hello", ""]
        assert "half an edit" not in sent(proxy.upstream)
        assert {entry["plugin"] for _, _, entry in proxy.log.entries} == {"Faulty"}


def raising(*_: Any) -> None:
    raise RuntimeError("boom")


@pytest.mark.abuse("I15")
async def test_a_plugin_that_may_not_be_skipped_refuses_a_prompt_it_failed_on() -> None:
    async with Harness([plugin(FAIL_CLOSED=True, on_request=lambda: raising())]) as proxy:
        reply = await proxy.say("hello")

        assert "must not be skipped" in (reply.error or "")
        assert not reply.seen.retries
        assert not proxy.upstream.turns


@pytest.mark.abuse("I15")
async def test_a_plugin_that_may_not_be_skipped_denies_a_call_it_failed_on() -> None:
    closed = plugin(FAIL_CLOSED=True, on_tool_use=lambda: raising())
    async with Harness([closed], script=[shell("ls"), text("no")]) as proxy:
        reply = await proxy.say("hello")

        assert (reply.seen.calls, reply.text) == ([], "no")


@pytest.mark.abuse("I15")
async def test_a_plugin_that_may_not_be_skipped_withholds_an_output_it_failed_on() -> None:
    closed = plugin(FAIL_CLOSED=True, on_tool_result=lambda: raising())
    async with Harness([closed], script=[shell("ls"), text("ok")]) as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs("SECRET")

        assert "SECRET" not in sent(proxy.upstream)
        assert "output withheld" in sent(proxy.upstream)


@pytest.mark.abuse("I15")
@pytest.mark.parametrize("kind", ["response.output_text.delta", DONE, "response.completed"])
async def test_a_plugin_that_may_not_be_skipped_ends_a_stream_it_failed_on_as_failed(kind: str) -> None:
    closed = plugin(FAIL_CLOSED=True, WATCHES=(kind,), on_chunk=lambda: raising())
    async with Harness([closed]) as proxy:
        reply = await proxy.say("hello")

        assert not reply.seen.completed
        assert "must not be skipped" in (reply.error or "")
        assert reply.ended


@pytest.mark.req("P11")
async def test_a_local_answer_that_breaks_off_ends_as_failed() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "half of "
        raise RuntimeError("boom")

    async with Harness([plugin(on_request=lambda: LocalReply(pieces()))]) as proxy:
        reply = await proxy.say("hello")

        assert (reply.seen.streamed, reply.seen.completed, reply.ended) == ("half of ", False, True)
        assert not proxy.log.events("relay_failed")
