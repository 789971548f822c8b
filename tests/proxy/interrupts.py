"""Saying ``response.interrupt`` during an answer, and what comes of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from proxy.made_plugin import PLUS, plugin
from proxy.sockets import Message, Talker

from codexplus_core.testing import Answer, StrictUpstream, stall, text

TWO = text("one") + text("and two")
END = ["response.interrupt.accepted", "response.output_item.interrupted", "response.incomplete"]


def partly() -> Answer:
    """TWO, standing at the gate "here" within its second message."""
    return stall("here", 10, TWO)


def looks() -> object:
    return plugin(on_request=lambda exchange: None, on_chunk=lambda event: None)


def interrupt(response_id: str) -> Message:
    """The message as Codex 0.169 sends it."""
    return {"type": "response.interrupt", "response_id": response_id, "mode": "discard_partial_items"}


def prompt(words: str) -> Message:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}


async def begun(talker: Talker) -> Message:
    """The event that begins a response."""
    data = await talker.frames.receive()
    assert data is not None
    created: Message = json.loads(data)
    assert created["type"] == "response.created"
    return created


async def taken(talker: Talker) -> list[Message]:
    """What comes until the proxy has read all that was sent so far."""
    got: list[Message] = []
    talker.frames.ping(b"all read")
    reading = asyncio.ensure_future(talker.frames.receive())
    while b"all read" not in talker.frames.pongs:
        await asyncio.sleep(0)
        if reading.done():
            got.append(json.loads(reading.result() or b""))
            reading = asyncio.ensure_future(talker.frames.receive())
    reading.cancel()
    return got


async def interrupted(talker: Talker, upstream: StrictUpstream, gate: str = "here") -> list[Message]:
    """Ask, interrupt the answer at a gate, and return all that came."""
    talker.send(talker.create())
    created = await begun(talker)
    await upstream.standing_at(gate)
    talker.send(interrupt(created["response"]["id"]))
    return [created, *await talker.answer()]


def types(got: list[Message]) -> list[str]:
    return [message["type"] for message in got]


def asked(upstream: StrictUpstream) -> tuple[str | None, list[str]]:
    """The response that the last request went on from, and what it brought: a type, or a user's words."""
    body = upstream.turns[-1].body
    said = [item["content"][-1]["text"] if item["type"] == "message" else item["type"] for item in body["input"]]
    return body.get("previous_response_id"), said


def adding(on_tool_use: Any) -> object:
    return plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
