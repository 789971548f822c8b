"""``response.interrupt``, which Codex 0.169 says when the user types on while the model answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from proxy.interrupts import (
    END,
    adding,
    asked,
    begun,
    interrupt,
    interrupted,
    looks,
    partly,
    prompt,
    taken,
    types,
)  # fmt: skip
from proxy.made_plugin import plugin, sent
from proxy.sockets import Message, dial

from codexplus_core import Exchange, LocalReply, Refusal, ToolCall, ToolResult
from codexplus_core.testing import Harness, StrictUpstream, call, shell, stall, text

pytestmark = pytest.mark.wire("W3")


@pytest.mark.req("P8")
async def test_it_ends_the_answer_at_once_and_looks_the_same_with_and_without_plugins() -> None:
    seen: list[list[Message]] = []
    for plugins in ([], [looks()]):
        upstream = StrictUpstream([partly(), text("three")])
        async with Harness(plugins, upstream=upstream) as proxy, asyncio.timeout(60):
            talker = await dial(proxy)
            first = await interrupted(talker, upstream)
            second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
            talker.frames.close()
        seen.append([*first, *second])
        assert types(first)[-3:] == END
        assert first[-1]["response"]["incomplete_details"] == {"reason": "interrupted"}
        assert second[-1]["type"] == "response.completed"
        assert asked(upstream) == (first[0]["response"]["id"], ["more"])
        assert sent(upstream).count('"one"') == 1 and "and two" not in sent(upstream)
        assert upstream.connections[0].interrupts == [interrupt(first[0]["response"]["id"])]
    assert seen[0] == seen[1]


async def test_what_was_rewritten_stays_rewritten_behind_an_interrupted_answer() -> None:
    def on_request(exchange: Exchange) -> None:
        if exchange.prompt == "hello":
            exchange.prompt = "REWRITTEN"

    upstream = StrictUpstream([partly(), text("three"), text("four")])
    async with Harness([plugin(on_request=on_request)], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await interrupted(talker, upstream)
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        assert asked(upstream) == (first[-1]["response"]["id"], ["more"])
        await talker.ask(talker.create([prompt("yet more")], second[-1]["response"]["id"]))
        assert asked(upstream) == (second[-1]["response"]["id"], ["yet more"])
        talker.frames.close()

    assert "REWRITTEN" in sent(upstream)
    assert '"hello"' not in sent(upstream)


@pytest.mark.wire("W12")
async def test_in_a_hidden_round_it_names_the_upstreams_response_and_what_comes_back_the_clients() -> None:
    upstream = StrictUpstream([call("plus", {}), partly(), text("three")])
    async with Harness([adding(lambda call: ToolResult("42"))], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await interrupted(talker, upstream)
        one, two = list(upstream.chains)
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    assert upstream.connections[0].interrupts == [interrupt(two)]
    assert types(first)[-3:] == END
    assert [message["response_id"] for message in first[-3:-1]] == [one, one]
    assert types(first).count("response.created") == 1
    assert second[-1]["type"] == "response.completed"
    assert asked(upstream) == (two, ["more"])
    assert "42" in sent(upstream)
    assert not upstream.illegal


@pytest.mark.wire("W12")
async def test_while_a_hidden_call_runs_it_waits_for_the_round_behind_that() -> None:
    running, go = asyncio.Event(), asyncio.Event()

    async def on_tool_use(call: ToolCall) -> ToolResult:
        running.set()
        await go.wait()
        return ToolResult("42")

    upstream = StrictUpstream([call("plus", {}), stall("never", 2), text("three")])
    async with Harness([adding(on_tool_use)], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        created = await begun(talker)
        await running.wait()
        talker.send(interrupt(created["response"]["id"]))
        await taken(talker)
        go.set()
        first = await talker.answer()
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    assert upstream.connections[0].interrupts[-1] == interrupt(list(upstream.chains)[1])
    assert (first[-1]["type"], second[-1]["type"]) == ("response.incomplete", "response.completed")
    assert "42" in sent(upstream)


@pytest.mark.wire("W9")
async def test_an_answer_that_is_made_here_goes_on_to_its_end_and_the_upstream_is_told_nothing() -> None:
    going = asyncio.Event()

    async def words() -> Any:
        yield "one "
        await going.wait()
        yield "two"

    def on_request(exchange: Exchange) -> LocalReply | None:
        return LocalReply(words()) if exchange.prompt == "hello" else None

    async with Harness([plugin(on_request=on_request)]) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        created = await begun(talker)
        id = created["response"]["id"]
        talker.send(interrupt(id))
        await taken(talker)
        going.set()
        first = await talker.answer()
        talker.send(interrupt(id))
        second = await talker.ask(talker.create([prompt("more")], id))
        talker.frames.close()

    assert (first[-1]["type"], first[-1]["response"]["output"][0]["content"][0]["text"]) == (
        "response.completed", "one two",
    )  # fmt: skip
    assert second[-1]["type"] == "response.completed"
    assert proxy.upstream.connections[0].interrupts == []


@pytest.mark.parametrize("then", ["the model", "a local answer"])
async def test_while_plugins_decide_it_waits_for_the_models_answer_if_there_comes_one(then: str) -> None:
    deciding, go = asyncio.Event(), asyncio.Event()

    async def on_request(exchange: Exchange) -> LocalReply | None:
        if exchange.prompt == "hello":
            deciding.set()
            await go.wait()
            return LocalReply("here") if then == "a local answer" else None
        return None

    script = [stall("never", 4)] if then == "the model" else []
    upstream = StrictUpstream([*script, text("two")])
    harness = Harness([plugin(on_request=on_request)], upstream=upstream, keepalive_s=0.001)
    async with harness as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        created = await begun(talker)
        await deciding.wait()
        talker.send(interrupt(created["response"]["id"]))
        await taken(talker)
        go.set()
        first = await talker.answer()
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    said = upstream.connections[0].interrupts
    assert created["response"]["id"] not in upstream.chains, "the client knows the answer by an id of ours"
    if then == "the model":
        assert said == [interrupt(next(iter(upstream.chains)))]
        assert first[-1]["type"] == "response.incomplete"
    else:
        assert (said, first[-1]["type"]) == ([], "response.completed")
    assert second[-1]["type"] == "response.completed"


@pytest.mark.wire("W13")
async def test_a_denied_call_keeps_its_place_and_no_plugin_is_asked_whether_the_turn_may_end() -> None:
    ends: list[str] = []

    def on_tool_use(call: ToolCall) -> Refusal:
        return Refusal("not that")

    def on_turn_end() -> None:
        ends.append("asked")

    upstream = StrictUpstream([stall("here", 15, shell("rm -rf /") + text("and two")), text("three")])
    harness = Harness([plugin(on_tool_use=on_tool_use, on_turn_end=on_turn_end)], upstream=upstream)
    async with harness as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await interrupted(talker, upstream)
        assert ends == []
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    assert types(first)[-3:] == END
    assert first[-1]["response"]["output"] == []
    assert asked(upstream) == (first[-1]["response"]["id"], ["custom_tool_call_output", "more"])
    assert "not that" in sent(upstream)
    assert (second[-1]["type"], ends) == ("response.completed", ["asked"])


async def test_one_that_meets_the_answers_end_on_the_way_disturbs_nothing() -> None:
    async with Harness([looks()]) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        id = (await talker.ask(talker.create()))[-1]["response"]["id"]
        talker.send(interrupt(id))
        second = await talker.ask(talker.create([prompt("more")], id))
        talker.frames.close()

    assert second[-1]["type"] == "response.completed"
    assert asked(proxy.upstream) == (id, ["more"])
    assert proxy.upstream.connections[0].interrupts == [interrupt(id)], "as without plugins"


async def test_a_client_that_leaves_behind_its_interrupt_ends_the_upstreams_connection() -> None:
    running = asyncio.Event()

    async def on_tool_use(call: ToolCall) -> None:
        running.set()
        await asyncio.Event().wait()

    upstream = StrictUpstream([call("plus", {})])
    async with Harness([adding(on_tool_use)], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        created = await begun(talker)
        await running.wait()
        talker.send(interrupt(created["response"]["id"]))
        talker.frames.channel.close()
        await upstream.connections[0].over.wait()


async def test_requests_that_come_meanwhile_wait_and_what_is_none_passes_them_by() -> None:
    upstream = StrictUpstream([partly(), text("three"), text("four")])
    async with Harness([looks()], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        created = await begun(talker)
        await upstream.standing_at("here")
        talker.send(talker.create())
        talker.send(b"[]")
        talker.send(talker.create())
        talker.send(interrupt(created["response"]["id"]))
        ends = [(await talker.answer())[-1] for _ in range(4)]
        talker.frames.close()

    assert types(ends) == ["response.incomplete", "response.completed", "error", "response.completed"]
    assert ends[2]["error"]["code"] == "malformed_body"


@pytest.mark.abuse("A17")
async def test_a_client_that_asks_on_and_on_during_an_answer_is_held_back_and_then_answered() -> None:
    upstream = StrictUpstream([stall("here", 3)])
    async with Harness([looks()], upstream=upstream) as proxy, asyncio.timeout(20):
        talker = await dial(proxy, deflate=False)
        said = talker.create()
        padded = {**said, "client_metadata": {**said["client_metadata"], "pad": "x" * 30_000}}
        talker.send(said)
        await upstream.standing_at("here")
        waiting = 1
        while talker.frames.send(json.dumps(padded).encode()):
            waiting += 1
            for _ in range(20):
                await asyncio.sleep(0)
            assert waiting < 200, "of five megabytes and more"
        assert waiting > 5
        upstream.release("here")
        for _ in range(waiting + 1):
            assert (await talker.answer())[-1]["type"] == "response.completed"
        talker.frames.close()
