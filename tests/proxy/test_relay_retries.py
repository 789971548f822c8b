"""A request that is sent again changes nothing of what was decided and does nothing twice."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from codexplus_core import Exchange, ToolCall, ToolResult, hookimpl
from codexplus_core.protocol.items import NOTES
from codexplus_core.testing import Answer, Gate, Harness, call, cut, reasoning, shell, stall, text

pytestmark = pytest.mark.transports("http", "websocket")

VERSIONS = ("0.29.0", "0.60.1", "0.98.0", "0.120.0", "0.169.0")


class Adder:
    """Offers a tool and counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.add_tool("plus", "Adds.", {"type": "object", "properties": {}})

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> ToolResult | None:
        if call.name != "plus":
            return None
        self.runs += 1
        return ToolResult("three")


def outputs(items: list[dict[str, Any]]) -> list[Any]:
    return [item["output"] for item in items if item.get("type") == "function_call_output"]


@pytest.mark.wire("W12", "W18")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "first",
    [
        call("plus", {}),
        reasoning() + call("plus", {}),
        text("Let me add.") + call("plus", {}),
        reasoning() + text("Let me add.") + call("plus", {}),
        text("One.") + call("plus", {}) + text("Two.") + call("plus", {}),
    ],
    ids=["hidden", "reasoning", "words", "both", "two"],
)
async def test_a_hidden_call_is_not_made_again_when_the_answer_behind_it_broke_off(first: Answer, version: str) -> None:
    adder = Adder()

    script = [first, cut(3, text("It is thr")), text("Three.")]
    async with Harness({"adder": adder}, codex=version, script=script) as proxy:
        broken = await proxy.say("what is one and two?")
        runs = adder.runs
        again = await proxy.retry()
        later = await proxy.say("and now?")

    assert not broken.ended
    assert again.text.endswith("Three.")
    assert later.seen.completed
    assert adder.runs == runs
    sent = [outputs(turn.conversation) for turn in proxy.upstream.turns]
    assert sent[2] == sent[3] == ["three"] * runs


@pytest.mark.wire("W18")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_retry_does_not_change_the_context_that_was_added(version: str) -> None:
    class Once:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            if exchange.prompt is not None:
                exchange.add_context("once")

    class Always:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.add_context("always")

    script = [cut(2, text("lost")), text("found"), text("later")]
    async with Harness({"once": Once(), "always": Always()}, codex=version, script=script) as proxy:
        await proxy.say("hello")
        await proxy.retry()
        await proxy.say("go on")

    turns = proxy.upstream.turns
    first, again, later = (str(turn.conversation) for turn in turns)
    assert first.count("'once'") == again.count("'once'") == 1
    assert first.count("'always'") == again.count("'always'") == 1
    assert later.count("'once'") == 2
    assert turns[1].conversation == turns[0].conversation or version == "0.169.0"


@pytest.mark.wire("W11")
@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_attached_stands_before_the_prompt_in_every_later_request(version: str) -> None:
    class Attach:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            if exchange.prompt == "look":
                exchange.attach("a file")
                exchange.attach_image("image/png", b"png")
                exchange.prompt = "look closely"

    async with Harness([Attach()], codex=version, script=[text("one"), text("two")]) as proxy:
        await proxy.say("look")
        await proxy.say("again")

    first, later = (turn.conversation for turn in proxy.upstream.turns)
    item = next(item for item in first if "look closely" in str(item))
    parts = [part.get("text", part.get("image_url")) for part in item["content"]][-3:]
    assert parts == ["a file", "data:image/png;base64,cG5n", "look closely"]
    kinds = item.get(NOTES, {}).get("content_item_kinds")
    assert kinds is None or kinds[-3:] == ["user.text", "user.image", "user.text"]
    assert item in later
    assert not any("a file" in str(item) for item in proxy.codex.history)


async def test_context_never_comes_behind_a_compaction_trigger() -> None:
    class Always:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.add_context("always")

    async with Harness([Always()], script=[text("hi")]) as proxy:
        await proxy.say("hello")
        await proxy.send(proxy.codex.compact())

    assert proxy.upstream.turns[-1].conversation[-1]["type"] == "compaction_trigger"


async def test_a_model_set_on_a_tools_output_holds_for_the_rest_of_the_turn() -> None:
    class Switch:
        def __init__(self) -> None:
            self.requests = 0

        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            self.requests += 1
            if self.requests == 2:
                exchange.model = "other"

    script = [shell("one"), shell("two"), text("done"), text("next turn")]
    async with Harness([Switch()], script=script) as proxy:
        await proxy.say("go")
        await proxy.tool_outputs()
        await proxy.tool_outputs()
        await proxy.say("again")

    models = [turn.body["model"] for turn in proxy.upstream.turns]
    assert [model == "other" for model in models] == [False, True, True, False]


async def test_two_requests_of_one_thread_at_once_keep_their_hidden_calls_apart() -> None:
    adder = Adder()
    gate = Gate("slow")
    script = [stall(gate, 1, call("plus", {})), text("second"), text("first, continued"), text("later")]

    async with Harness({"adder": adder}, script=script) as proxy:
        one = proxy.codex.say("one")
        first = asyncio.create_task(proxy.send(one, copy.deepcopy(proxy.codex)))
        await proxy.upstream.standing_at(gate)
        proxy.codex.history.append(proxy.codex._said("user", ["two"], ["user.text"]))
        two = proxy.codex._send()
        await proxy.send(two, copy.deepcopy(proxy.codex))
        proxy.upstream.release(gate)
        await first
        three = proxy.codex._send()
        await proxy.send(three, copy.deepcopy(proxy.codex))

    kinds = [item.get("type") for item in proxy.upstream.turns[-1].conversation if item.get("role") != "developer"]
    assert kinds[-4:] == ["message", "function_call", "function_call_output", "message"]


@pytest.mark.wire("W18")
async def test_the_same_turn_on_two_connections_at_once_runs_a_plugin_once() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    prompts: list[str] = []

    class Slow:
        @hookimpl
        async def on_request(self, exchange: Exchange) -> None:
            if exchange.prompt is not None:
                prompts.append(exchange.prompt)
                asked.set()
                await go_on.wait()
                exchange.prompt = "rewritten"

    async with Harness([Slow()], script=[text("one"), text("two")]) as proxy, asyncio.timeout(20):
        one = proxy.codex.say("hello")
        other = copy.deepcopy(proxy.codex)
        first = asyncio.create_task(proxy.send(one))
        await asked.wait()
        second = asyncio.create_task(proxy.send(one, other))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, second)

    assert prompts == ["hello"]
    assert ["rewritten" in str(turn.conversation) for turn in proxy.upstream.turns] == [True, True]


@pytest.mark.wire("W18")
async def test_a_turn_whose_first_request_was_left_undecided_is_decided_by_the_next(transport: str) -> None:
    asked, leave = asyncio.Event(), asyncio.Event()
    prompts: list[str] = []

    class Slow:
        @hookimpl
        async def on_request(self, exchange: Exchange) -> None:
            if exchange.prompt is not None:
                prompts.append(exchange.prompt)
                asked.set()
                if len(prompts) == 1:
                    await asyncio.Event().wait()

    async with Harness([Slow()], script=[text("one")]) as proxy, asyncio.timeout(20):
        one = proxy.codex.say("hello")
        other = copy.deepcopy(proxy.codex)
        first = asyncio.create_task(
            proxy.send(one)
            if transport == "websocket"
            else proxy.request(one.method, one.path, one.headers, one.body, leave=leave)
        )
        await asked.wait()
        second = asyncio.create_task(proxy.send(one, other))
        await asyncio.sleep(0)
        leave.set()
        if transport == "websocket":
            proxy.socket.drop()
        await asyncio.gather(first, second)

    assert prompts == ["hello", "hello"]
    assert len(proxy.upstream.turns) == 1
