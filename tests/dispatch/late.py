"""Plugins that take their time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from codexplus_core import hookimpl


class Doing:
    def __init__(self, do: Callable[[], Awaitable[Any]], *, fail_closed: bool = False) -> None:
        self.do, self.FAIL_CLOSED = do, fail_closed

    @hookimpl
    async def on_request(self, exchange: Any) -> Any:
        exchange.prompt = "edited"
        return await self.do()


async def never() -> None:
    await asyncio.Event().wait()


def now() -> float:
    return asyncio.get_running_loop().time()


async def swallow() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await never()
