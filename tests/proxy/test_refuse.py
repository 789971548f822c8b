from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from codexplus_core.proxy.guard import Denied
from codexplus_core.proxy.refuse import refuse

Message = MutableMapping[str, Any]
MIB = 1024 * 1024


@pytest.mark.abuse("A17")
async def test_the_end_is_sent_even_while_the_body_floods_a_full_queue() -> None:
    queue: asyncio.Queue[Message] = asyncio.Queue(10)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message["more_body"]:
            # As hypercorn does it: the end of the answer waits for room in the request's queue.
            while not queue.full():
                queue.put_nowait({"type": "http.request", "body": b"", "more_body": True})
            await queue.put({"type": "http.disconnect"})
        sent.append(message)

    async def flood() -> None:
        while True:
            await queue.put({"type": "http.request", "body": bytes(MIB), "more_body": True})

    flooding = asyncio.create_task(flood())
    async with asyncio.timeout(20):
        await refuse(Denied(401, "token", "no"), {"type": "http", "http_version": "1.1"}, queue.get, send)
    flooding.cancel()

    assert [message.get("more_body") for message in sent] == [None, True, False]


@pytest.mark.abuse("A01")
async def test_the_words_are_sent_before_the_body_is_waited_for() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    denied = Denied(403, "browser", "no")
    await refuse(denied, {"type": "http", "http_version": "1.1"}, receive, send)

    assert sent[0]["status"] == 403
    assert sent[1]["body"] == denied.body()


async def test_an_http_2_refusal_has_no_connection_header() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await refuse(Denied(505, "http_version", "no"), {"type": "http", "http_version": "2"}, receive, send)

    assert b"connection" not in dict(sent[0]["headers"])
