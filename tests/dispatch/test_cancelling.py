"""A plugin whose exchange or hook is cancelled: it always gets through, whatever the plugin does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dispatch.late import Doing, never, now, swallow
from dispatch.stage import dispatcher, exchange, health_of, in_virtual_time

from codexplus_core import LocalReply


@pytest.mark.parametrize("stubborn", [False, True])
def test_cancelling_the_exchange_always_gets_through(stubborn: bool) -> None:
    async def once() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await never()

    async def main() -> Any:
        plugins = dispatcher(a=Doing(once if stubborn else never))
        asking = asyncio.ensure_future(plugins.request(exchange()))
        await asyncio.sleep(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return health_of(plugins, "a")["errors"], now()

    assert in_virtual_time(main()) == (0, pytest.approx(1.0))


def test_a_cancelled_exchange_does_not_wait_for_a_stubborn_plugin_for_long() -> None:
    async def main() -> float:
        asking = asyncio.ensure_future(dispatcher(stubborn=Doing(swallow)).request(exchange()))
        await asyncio.sleep(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return now()

    assert in_virtual_time(main()) == pytest.approx(2.0)


def test_a_streamed_answer_that_ignores_its_cancellation_is_left_behind() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "one"
        await swallow()

    async def answer() -> LocalReply:
        return LocalReply(pieces())

    async def main() -> float:
        reply = await dispatcher(stubborn=Doing(answer)).request(exchange())
        assert isinstance(reply, LocalReply)
        texts = aiter(reply.text)  # type: ignore[arg-type]
        assert await anext(texts) == "one"
        waiting = asyncio.ensure_future(anext(texts))
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return now()

    assert in_virtual_time(main()) == pytest.approx(2.0)


def test_hooks_still_work_while_the_exchange_is_being_cancelled() -> None:
    async def main() -> Any:
        plugins = dispatcher(a=Doing(lambda: asyncio.sleep(1, LocalReply("still here"))))
        answers = []

        async def relay() -> None:
            try:
                await never()
            finally:
                answers.append(await plugins.request(exchange()))

        relaying = asyncio.ensure_future(relay())
        await asyncio.sleep(0)
        relaying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await relaying
        return answers

    assert in_virtual_time(main()) == [LocalReply("still here")]
