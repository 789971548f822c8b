"""A plugin that takes its time: Codex hears data meanwhile, and one answer in the end."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from e2e.codex import NEWEST, WAYS, Transport
from e2e.wire import Tap

from codexplus_core import Exchange, LocalReply, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.testing import call
from codexplus_core.testing.reply import ENDS

pytestmark = pytest.mark.e2e

KEEPALIVE = b'"type":"response.in_progress"'


class Slow:
    """Waits in its hook until the test says so."""

    def __init__(self, answer: Any = None) -> None:
        self.go_on = asyncio.Event()
        self.answer = answer

    @hookimpl
    async def on_request(self, exchange: Exchange) -> Any:
        if exchange.prompt is None:
            return None
        await self.go_on.wait()
        return self.answer


class SlowTool:
    """Offers a tool whose answer waits until the test says so."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.add_tool("lookup", "Look a key up.", {"type": "object", "properties": {}})

    @hookimpl
    async def on_tool_use(self, call: ToolCall) -> ToolResult:
        await self.go_on.wait()
        return ToolResult("found")


async def heard(tap: Tap, count: int) -> None:
    """Return when so many keep-alives have gone down on one connection."""
    while max((recording.readable().count(KEEPALIVE) for recording in tap.connections), default=0) < count:
        await tap.news()


def answers(tap: Tap) -> list[list[str]]:
    """The event types of every answer to the model's requests; a WebSocket's warm-up is none."""
    bodies = [given.body for asked, given in tap.exchanges() if asked.start.startswith(b"POST")]
    found = [re.findall(r"^event: (.*)$", body.decode(), re.MULTILINE) for body in bodies]
    for socket in tap.sockets():
        said, types = [json.loads(message) for message in socket.said], []
        for message in socket.heard:
            types.append(json.loads(message)["type"])
            if types[-1] in ENDS and said.pop(0).get("generate") is not False:
                found.append(types)
            if types[-1] in ENDS:
                types = []
    return found


@pytest.mark.wire("W16")
@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_codex_takes_keepalives_before_an_answer(
    version: str, transport: Transport, codex, upstream, serve
) -> None:
    plugin = Slow()
    async with Tap().open() as below:
        proxy = await serve({"slow": plugin}, seen_port=below.port, keepalive_s=0.05)
        below.to = proxy.port

        running = asyncio.ensure_future(
            codex(version).point_at(f"http://127.0.0.1:{below.port}/v1").exec("hi", json=True)
        )
        async with asyncio.timeout(30):
            await heard(below, 5)
        plugin.go_on.set()
        ran = await running

    assert ran.code == 0
    assert ran.messages == ["Hello from the script."]
    (answer,) = answers(below)
    assert answer.count("response.created") == 1
    assert answer.count("response.completed") == 1
    assert len(upstream.turns) == 1


@pytest.mark.wire("W16")
@pytest.mark.parametrize("transport", ["websocket", "http"])
@pytest.mark.parametrize(
    ("plugin", "shown"),
    [
        (Slow, "Hello from the script."),
        (lambda: Slow(LocalReply("A slow local answer.")), "A slow local answer."),
        (lambda: Slow(Refusal("No, after all.")), "No, after all."),
        (SlowTool, "Hello from the script."),
    ],
    ids=["prompt", "local", "refusal", "tool"],
)
async def test_codex_waits_longer_than_its_idle_limit(
    transport: Transport, plugin: Any, shown: str, codex, upstream, serve
) -> None:
    made = plugin()
    if isinstance(made, SlowTool):
        upstream.script = [call("lookup", {}, namespace="functions")]
    one = codex(NEWEST)
    async with Tap().open() as below:
        proxy = await serve({"slow": made}, seen_port=below.port, keepalive_s=0.2)
        below.to = proxy.port
        # Only a provider of one's own can have another limit. Without keep-alives the stream is dropped after it.
        one.configure(
            'model_provider = "short"\n[model_providers.short]\nname = "short"\nwire_api = "responses"\n'
            f'base_url = "http://127.0.0.1:{below.port}/v1"\nrequires_openai_auth = true\nsupports_websockets = true\n'
            "stream_idle_timeout_ms = 700\nstream_max_retries = 0\n"
        )

        running = asyncio.ensure_future(one.exec("hi", json=True))
        async with asyncio.timeout(30):
            await heard(below, 8)  # some 1.6 seconds
        made.go_on.set()
        ran = await running

    assert shown in ran.stdout
    (answer,) = answers(below)
    assert answer.count("response.created") == 1
    assert [got.aborted for got in upstream.turns] == [False] * len(upstream.turns)
