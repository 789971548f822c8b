"""Calls of tools that plugins added: who is asked first, what runs at once, what the user sees meanwhile."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, Literal

import pytest
from proxy.made_plugin import plugin

from codexplus_core import Exchange, LocalReply, Refusal, ToolCall, ToolResult
from codexplus_core.testing import Harness, call, custom_call, cut, text

Way = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("way", ["http", "websocket"])
ONE = ("one", "The first.", {"type": "object", "properties": {}})
TWO = ("two", "The second.", {"type": "object", "properties": {}})


def outputs(proxy: Harness) -> list[Any]:
    return [item["output"] for item in proxy.upstream.turns[-1].conversation if "output" in item]


def ordered(first: Any, second: Any) -> None:
    first.ORDER, second.ORDER = 60, 20


def adds(exchange: Exchange) -> None:
    exchange.add_tool(*ONE)
    exchange.add_tool(*TWO)


@BOTH
async def test_added_tools_called_together_run_together_and_answer_in_the_models_order(way: Way) -> None:
    second = asyncio.Event()

    async def on_tool_use(call: ToolCall) -> ToolResult:
        if call.name == "one":
            await second.wait()
        second.set()
        return ToolResult(f"{call.name} done")

    one = plugin(on_request=adds, on_tool_use=on_tool_use)
    script = [call("one", {}) + call("two", {}), text("fine"), text("next")]
    async with asyncio.timeout(20), Harness([one], script=script, transport=way) as proxy:
        reply = await proxy.say("go")
        await proxy.say("more")

    assert reply.text == "fine"
    assert outputs(proxy) == ["one done", "two done"]


@BOTH
@pytest.mark.parametrize("forbidden", [True, False])
async def test_of_an_indirect_tool_all_are_asked_about_the_call_that_is_meant(way: Way, forbidden: bool) -> None:
    asked: list[tuple[str, str]] = []

    def adder(call: ToolCall) -> ToolCall | ToolResult:
        asked.append(("adder", call.name))
        return replace(call, name="hidden", arguments={"n": 1}) if call.name == "one" else ToolResult("done")

    def other(call: ToolCall) -> Refusal | None:
        asked.append(("other", call.name))
        return Refusal("not that") if forbidden else None

    first = plugin(on_request=lambda exchange: exchange.add_tool(*ONE, indirect=True), on_tool_use=adder)
    second = plugin(on_tool_use=other)
    ordered(first, second)
    async with Harness([first, second], script=[call("one", {}), text("fine")], transport=way) as proxy:
        await proxy.say("go")

    assert asked == [("adder", "one"), ("other", "hidden"), *([] if forbidden else [("adder", "hidden")])]
    assert outputs(proxy) == ["error: not that" if forbidden else "done"]


@BOTH
async def test_words_behind_a_call_wait_for_its_answer(way: Way) -> None:
    order: list[str] = []

    async def on_tool_use(exchange: Exchange, call: ToolCall) -> ToolResult | None:
        if call.name != "one":
            order.append("client's call")
            return None
        for _ in range(20):
            await asyncio.sleep(0)
        order.append("ours")
        return ToolResult("done")

    one = plugin(on_request=lambda exchange: exchange.add_tool(*ONE), on_tool_use=on_tool_use)
    script = [call("one", {}) + custom_call("exec", "text(1)"), text("fine")]
    async with Harness([one], script=script, transport=way) as proxy:
        await proxy.say("go")
        reply = await proxy.tool_outputs("ok")

    assert order == ["ours", "client's call"]
    assert reply.text == "fine"
    assert sorted(map(str, outputs(proxy))) == ["done", "ok"]


async def test_who_added_a_tool_answers_after_everybody_else_has_been_asked() -> None:
    asked: list[str] = []

    def adder(call: ToolCall) -> ToolResult:
        asked.append("adder")
        return ToolResult("done")

    def other(call: ToolCall) -> None:
        asked.append("other")

    first = plugin(on_request=lambda exchange: exchange.add_tool(*ONE), on_tool_use=adder)
    second = plugin(on_tool_use=other)
    ordered(first, second)
    async with Harness({"first": first, "second": second}, script=[call("one", {}), text("fine")]) as proxy:
        await proxy.say("go")

    assert asked == ["other", "adder"]


async def test_a_refusal_of_anybody_keeps_an_added_tool_from_running() -> None:
    ran: list[str] = []
    first = plugin(on_request=lambda exchange: exchange.add_tool(*ONE), on_tool_use=lambda call: ran.append(call.name))
    second = plugin(on_tool_use=lambda call: Refusal("not this one"))
    ordered(first, second)
    async with Harness({"first": first, "second": second}, script=[call("one", {}), text("fine")]) as proxy:
        await proxy.say("go")

    assert ran == []
    assert outputs(proxy) == ["error: not this one"]


async def test_what_an_added_tool_answered_is_shown_to_on_tool_result() -> None:
    first = plugin(
        on_request=lambda exchange: exchange.add_tool(*ONE), on_tool_use=lambda call: ToolResult("key sk-123")
    )
    second = plugin(on_tool_result=lambda result: ToolResult(result.text.replace("sk-123", "[key]")))
    async with Harness({"first": first, "second": second}, script=[call("one", {}), text("fine")]) as proxy:
        await proxy.say("go")

    assert outputs(proxy) == ["key [key]"]


@pytest.mark.wire("W7")
async def test_a_cut_behind_a_call_loses_nothing_of_what_it_did() -> None:
    ran: list[str] = []

    def on_tool_use(call: ToolCall) -> ToolResult:
        ran.append(call.name)
        return ToolResult("done")

    one = plugin(on_request=lambda exchange: exchange.add_tool(*ONE), on_tool_use=on_tool_use)
    script = [cut(5, call("one", {}) + text("never heard")), text("fine")]
    async with Harness([one], script=script) as proxy:
        broken = await proxy.say("go")
        reply = await proxy.retry()

    assert not broken.ended
    assert reply.text == "fine"
    assert len(ran) in (0, 1)
    assert outputs(proxy) == ["done"] * len(ran)


async def test_a_client_that_leaves_ends_every_call_that_runs() -> None:
    begun, leave, ended = asyncio.Event(), asyncio.Event(), []

    async def on_tool_use(call: ToolCall) -> ToolResult:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(call.name)
        raise AssertionError("unreachable")

    one = plugin(on_request=adds, on_tool_use=on_tool_use)
    async with asyncio.timeout(20), Harness([one], script=[call("one", {}) + call("two", {})], limit=60) as proxy:
        request = proxy.codex.say("go")
        sent = asyncio.ensure_future(
            proxy.request(request.method, request.path, request.headers, request.body, leave=leave)
        )
        await begun.wait()
        leave.set()
        await sent

    assert sorted(ended) == ["one", "two"]


@BOTH
async def test_a_line_about_the_wait_is_shown_and_kept_by_nobody(way: Way) -> None:
    async def on_tool_use(exchange: Exchange, call: ToolCall) -> ToolResult:
        exchange.tell("still **at** it\n\x1b[31m" + "x" * 500)
        for _ in range(50):
            await asyncio.sleep(0)
        return ToolResult("done")

    one = plugin(on_request=lambda exchange: exchange.add_tool(*ONE), on_tool_use=on_tool_use)
    script = [call("one", {}), text("fine"), text("next")]
    async with Harness([one], script=script, transport=way) as proxy:
        reply = await proxy.say("go")
        await proxy.say("more")

    numbers = [int(part.split(b"}")[0].split(b",")[0]) for part in reply.body.split(b'"sequence_number":')[1:]]
    assert reply.text == "fine"
    assert b"**still   at   it" in reply.body
    assert b"x" * 130 not in reply.body
    assert numbers == sorted(set(numbers))
    assert "still" not in str(proxy.upstream.turns[-1].conversation)


def test_telling_where_nothing_can_be_shown_does_nothing() -> None:
    from codexplus_core import Session, Turn

    Exchange(session=Session(), turn=Turn("", "user")).tell("hello")


@BOTH
@pytest.mark.parametrize("answered", ["upstream", "here", "refused"])
async def test_a_line_told_while_a_plugin_decides_is_shown_at_once_and_the_answer_follows_it(
    way: Way, answered: str
) -> None:
    async def on_request(exchange: Exchange) -> LocalReply | Refusal | None:
        exchange.tell("waiting for the server x")
        for _ in range(50):
            await asyncio.sleep(0)
        if answered == "refused":
            return Refusal("not this")
        return LocalReply("said here") if answered == "here" else None

    async with Harness([plugin(on_request=on_request)], transport=way) as proxy:
        reply = await proxy.say("go")

    events = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith(b"data: ")]
    numbers = [event["sequence_number"] for event in events if "sequence_number" in event]
    places = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
    assert reply.events[:3] == [
        "response.created", "response.output_item.added", "response.reasoning_summary_part.added",
    ]  # fmt: skip
    assert b"**waiting for the server x**" in reply.body
    assert numbers == sorted(set(numbers))
    assert places == list(range(len(places)))
    assert reply.events.count("response.created") == 1
    said = {"upstream": "Hello from the script.", "here": "said here", "refused": ""}[answered]
    assert (reply.text, reply.error) == (said, "not this" if answered == "refused" else None)


async def test_a_line_told_by_a_decision_that_is_over_before_it_could_be_read_is_not_shown() -> None:
    async with Harness([plugin(on_request=lambda exchange: exchange.tell("waiting"))]) as proxy:
        reply = await proxy.say("go")

    assert reply.text == "Hello from the script."
    assert b"waiting" not in reply.body
