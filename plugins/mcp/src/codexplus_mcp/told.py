"""Waiting for a server that a prompt names: the user reads what they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from codexplus_core import Core, Exchange

from .wording import line

TELL_AFTER_S = 1.0
"""Seconds after which the user is told. With the first line the answer begins, so a wait that is no wait has none."""
AGAIN_S = 5.0
"""Seconds between two lines."""
T = TypeVar("T")


async def told(core: Core, exchange: Exchange, server: str, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` with a server gives, with a line to the user as long as it takes; raises what it raises.

    How long it may take is the connection's affair.
    """
    async with core.waiting():
        task = asyncio.create_task(work, name=f"mcp wait for {server}")
        waited, pause = 0.0, TELL_AFTER_S
        try:
            while not (await asyncio.wait({task}, timeout=pause))[0]:
                waited += pause
                pause = AGAIN_S
                so_far = f" ({waited:g} s)" if waited > TELL_AFTER_S else ""
                exchange.tell(f"waiting for the MCP server {line(server, 60)}{so_far}")
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
