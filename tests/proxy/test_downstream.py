"""Waiting for our own work on behalf of a client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import MutableMapping
from typing import Any

import pytest

from codexplus_core.protocol.events import Event
from codexplus_core.proxy import downstream
from codexplus_core.proxy.downstream import HttpDownstream

BOUND = 60.0


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


class Client:
    """A server's shorter way, which keeps what is written."""

    def __init__(self, *, paused: bool = False, gone: bool = False) -> None:
        self.paused, self.gone, self.way = paused, gone, None
        self.written: list[bytes] = []

    def start(self, status: int, headers: object) -> None:
        self.written.append(b"head")

    def write(self, data: bytes) -> bool:
        self.written.append(data)
        return True


@pytest.mark.parametrize("state", ["reads", "paused", "gone"])
async def test_a_client_that_reads_too_slowly_or_has_gone_is_waited_for_by_its_server(state: str) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    client: Any = Client(paused=state == "paused", gone=state == "gone")
    down = HttpDownstream(
        send, ids=lambda: "1", clock=lambda: 0.0, streams=True, model="m", keepalive_s=BOUND, client=client
    )
    event = Event("a", {})
    await down.start(200, [])
    await down.write([event])

    behind_the_head = [event.raw] if state == "reads" else []
    assert client.written == [b"head", *behind_the_head]
    assert [message["body"] for message in sent] == ([] if state == "reads" else [event.raw])
    assert down.bytes_out == len(event.raw)
