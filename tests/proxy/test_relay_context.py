"""What plugins set in context variables while a request is decided, and while the model's turn ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
from proxy.made_plugin import plugin

from codexplus_core import Exchange
from codexplus_core.testing import Harness, shell, text

WHOSE: ContextVar[str] = ContextVar("whose", default="")

pytestmark = pytest.mark.transports("http", "websocket")


async def test_what_a_plain_function_sets_is_seen_by_nobody_later() -> None:
    seen: list[tuple[str, str]] = []

    def sets(hook: str) -> Callable[[], None]:
        def look() -> None:
            seen.append((hook, WHOSE.get()))
            WHOSE.set(hook)

        return look

    hooks: dict[str, Any] = {name: sets(name) for name in ("on_request", "on_turn_end")}
    hooks["on_exchange_end"] = lambda: seen.append(("on_exchange_end", WHOSE.get()))
    async with Harness([plugin(**hooks)], script=[shell("ls"), text("done"), text("more")]) as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs()
        await proxy.say("go on")

    assert len(seen) >= 6
    assert {said for _, said in seen} == {""}


@pytest.mark.parametrize("prompt", [True, False], ids=["a prompt", "a tool's output"])
async def test_what_it_sets_is_seen_by_what_it_gives_to_wait_for(prompt: bool) -> None:
    seen: list[str] = []

    def on_request(exchange: Exchange) -> Awaitable[None]:
        WHOSE.set("mine")

        async def later() -> None:
            if (exchange.prompt is not None) == prompt:
                seen.append(WHOSE.get())

        return later()

    async with Harness([plugin(on_request=on_request)], script=[shell("ls"), text("done")]) as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs()

    assert seen == ["mine"]
