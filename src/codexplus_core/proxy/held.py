"""Calls of tools that plugins added, while they run: nothing of them ever reaches the client."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from ..dispatch import Dispatcher
from ..exchange import Exchange, Refusal
from ..protocol.tools import ToolCall, ToolResult
from .downstream import STOP_S

Verdict = Refusal | ToolResult


class Held:
    """One call that runs: the model's item, the call, and the task that ends with its answer."""

    __slots__ = ("answer", "call", "original")

    def __init__(self, original: bytes, call: ToolCall, work: Coroutine[Any, Any, Verdict]) -> None:
        self.original = original
        self.call = call
        self.answer = asyncio.get_running_loop().create_task(work, name=f"tool {call.name}")


async def answer(dispatcher: Dispatcher, exchange: Exchange, call: ToolCall) -> Verdict:
    """What plugins say to a call of an added tool, as the model is to read it."""
    asked, verdict = await dispatcher.tool_use(exchange, call)
    if verdict is None:
        return Refusal(f"the tool {call.name} gave no answer; go on without it")
    if isinstance(verdict, ToolResult) and dispatcher.has("on_tool_result"):
        return await dispatcher.tool_result(exchange, asked, verdict)
    return verdict


async def given_up(held: Sequence[Held]) -> None:
    """End the calls that still run: nobody waits for them any more."""
    running = {one.answer for one in held if not one.answer.done()}
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=STOP_S)
