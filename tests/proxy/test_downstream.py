"""Waiting for our own work on behalf of a client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import MutableMapping
from typing import Any

import pytest

from codexplus_core.proxy import downstream
from codexplus_core.proxy.downstream import HttpDownstream

BOUND = 10.0


async def test_work_that_ignores_its_cancellation_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downstream, "STOP_S", 0.01)
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        begun.set()
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    async def send(_: MutableMapping[str, Any]) -> None:
        raise AssertionError("nothing is to be sent")

    down = HttpDownstream(send, ids=lambda: "1", clock=lambda: 0.0, streams=False, model="m", keepalive_s=BOUND)
    work = asyncio.ensure_future(stubborn())
    waiting = asyncio.ensure_future(down.wait(work))
    await begun.wait()
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=BOUND)
    ended = waiting.cancelled()
    still_at_work = not work.done()
    let_go.set()
    await work

    assert (ended, still_at_work) == (True, True)
