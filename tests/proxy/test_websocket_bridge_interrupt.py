"""``response.interrupt`` where the upstream takes no WebSocket: its answer over HTTP is aborted, and ended here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from proxy.interrupts import (
    END,
    TWO,
    adding,
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

from codexplus_core import Exchange, LocalReply, ToolCall, ToolResult
from codexplus_core.proxy.transport import UpstreamRequest
from codexplus_core.testing import Harness, StrictUpstream, call, stall, text
from codexplus_core.testing.reply import InProcessAnswer

pytestmark = pytest.mark.wire("W3")


class Unwilling(StrictUpstream):
    """An upstream that refuses WebSockets, and that begins so many answers (``heads``) and no further one."""

    def __init__(self, *script: Any, heads: int = 100) -> None:
        super().__init__(script, websocket=426)
        self.heads = heads
        self.left = asyncio.Event()

    async def open(self, request: UpstreamRequest) -> InProcessAnswer:
        """The answer, where there is one."""
        if len(self.requests) < self.heads:
            return await super().open(request)
        self.gates.arrival.set()
        self.gates.wait("no head")
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        raise AssertionError("it waits for ever")


def over(upstream: StrictUpstream, *plugins: object, **options: Any) -> Harness:
    """A proxy that keeps the WebSocket towards its client."""
    return Harness(list(plugins), upstream=upstream, websockets="bridge", **options)


@pytest.fixture(params=["without plugin", "with plugin"])
def plugins(request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """No plugin, or one that looks."""
    yield [] if request.param == "without plugin" else [looks()]


@pytest.mark.req("P8")
async def test_the_client_gets_what_an_upstream_with_websockets_says(plugins: list[object]) -> None:
    seen: list[list[Message]] = []
    for upstream in (Unwilling(partly(), text("three")), StrictUpstream([partly(), text("three")])):
        async with over(upstream, *plugins) as proxy, asyncio.timeout(60):
            talker = await dial(proxy)
            first = await interrupted(talker, upstream)
            second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
            talker.frames.close()
        seen.append([*first, *second])
        assert (types(first)[-3:], second[-1]["type"]) == (END, "response.completed")

    over_http, over_socket = ([{**event, "response": None} for event in events] for events in seen)
    assert over_http == over_socket
    ended, like = (next(event["response"] for event in events if event["type"] == END[-1]) for events in seen)
    # What the upstream has spent on an answer is not known where it was broken off.
    assert ended == {**like, "usage": None}


async def test_the_upstreams_answer_is_aborted_and_what_was_finished_of_it_goes_up_again(plugins: list[object]) -> None:
    upstream = Unwilling(partly(), text("three"))
    async with over(upstream, *plugins) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await interrupted(talker, upstream)
        assert upstream.requests[0].aborted
        await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    assert len(upstream.requests) == 2
    assert '"one"' in sent(upstream) and '"more"' in sent(upstream)
    assert "and two" not in sent(upstream)
    assert upstream.illegal == []


async def test_one_that_meets_the_answers_end_on_the_way_disturbs_nothing(plugins: list[object]) -> None:
    upstream = Unwilling(stall("here", 9, text("one")), text("two"))
    async with over(upstream, *plugins) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        id = (await begun(talker))["response"]["id"]
        first = await talker.answer()
        await upstream.standing_at("here")
        talker.send(interrupt(id))
        assert await taken(talker) == []
        upstream.release("here")
        second = await talker.ask(talker.create([prompt("more")], id))
        talker.send(interrupt(id))
        third = await talker.ask(talker.create([prompt("yet more")], second[-1]["response"]["id"]))
        talker.frames.close()

    assert types([first[-1], second[-1], third[-1]]) == ["response.completed"] * 3
    assert [got.aborted for got in upstream.requests] == [False] * 3


async def test_a_client_that_leaves_behind_its_interrupt_leaves_nothing_running(plugins: list[object]) -> None:
    upstream = Unwilling(partly())
    async with over(upstream, *plugins) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        id = (await begun(talker))["response"]["id"]
        await upstream.standing_at("here")
        talker.send(interrupt(id))
        talker.frames.channel.close()
        while not upstream.requests[0].aborted:
            await asyncio.sleep(0)


async def test_plugins_see_the_end_and_hear_of_no_fault() -> None:
    seen: list[str] = []
    outcomes: list[Any] = []
    watching = plugin(
        WATCHES=("response.incomplete",),
        on_chunk=lambda event: seen.append(event.data["response"]["incomplete_details"]["reason"]),
        on_exchange_end=lambda outcome: outcomes.append((outcome.status, outcome.error, outcome.answered_by)),
    )
    upstream = Unwilling(partly())
    async with over(upstream, watching) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        await interrupted(talker, upstream)
        talker.frames.close()

    assert seen == ["interrupted"]
    assert outcomes == [(200, None, "upstream")]


async def test_what_was_rewritten_stays_rewritten_behind_an_interrupted_answer() -> None:
    def on_request(exchange: Exchange) -> None:
        if exchange.prompt == "hello":
            exchange.prompt = "REWRITTEN"

    upstream = Unwilling(partly(), text("three"))
    async with over(upstream, plugin(on_request=on_request)) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await interrupted(talker, upstream)
        await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    assert "REWRITTEN" in sent(upstream) and '"one"' in sent(upstream)
    assert '"hello"' not in sent(upstream)


@pytest.mark.wire("W12")
async def test_in_a_hidden_round_what_comes_back_names_the_clients_response() -> None:
    upstream = Unwilling(call("plus", {}), partly(), text("three"))
    async with over(upstream, adding(lambda call: ToolResult("42"))) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await interrupted(talker, upstream)
        one, two = list(upstream.chains)
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    numbers = [message["sequence_number"] for message in first]
    assert types(first)[-3:] == END
    assert [message["response_id"] for message in first[-3:-1]] == [one, one]
    assert first[-1]["response"]["id"] == two
    assert numbers == sorted(set(numbers))
    assert second[-1]["type"] == "response.completed"
    assert "42" in sent(upstream) and '"one"' in sent(upstream)
    assert upstream.illegal == []


@pytest.mark.wire("W12")
async def test_while_a_hidden_call_runs_it_waits_for_that_and_no_round_follows() -> None:
    running, go = asyncio.Event(), asyncio.Event()

    async def on_tool_use(call: ToolCall) -> ToolResult:
        running.set()
        await go.wait()
        return ToolResult("42")

    upstream = Unwilling(call("plus", {}), text("three"))
    async with over(upstream, adding(on_tool_use)) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        created = await begun(talker)
        await running.wait()
        talker.send(interrupt(created["response"]["id"]))
        await taken(talker)
        go.set()
        first = await talker.answer()
        assert len(upstream.requests) == 1
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    assert first[-1]["type"] == "response.incomplete"
    assert first[-1]["sequence_number"] > created["sequence_number"]
    assert second[-1]["type"] == "response.completed"
    assert "42" in sent(upstream)


@pytest.mark.wire("W12")
async def test_a_round_that_the_upstream_has_not_begun_to_answer_is_given_up() -> None:
    upstream = Unwilling(call("plus", {}), heads=1)
    async with over(upstream, adding(lambda call: ToolResult("42"))) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        first = await interrupted(talker, upstream, "no head")
        assert upstream.left.is_set()
        upstream.heads = 100
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    assert types(first)[-2:] == [END[0], END[-1]]
    assert second[-1]["type"] == "response.completed"
    assert "42" in sent(upstream)


@pytest.mark.parametrize("then", ["the model", "a local answer"])
async def test_while_plugins_decide_it_waits_and_the_model_is_not_asked(then: str) -> None:
    deciding, go = asyncio.Event(), asyncio.Event()

    async def on_request(exchange: Exchange) -> LocalReply | None:
        if exchange.prompt == "hello":
            deciding.set()
            await go.wait()
            return LocalReply("here") if then == "a local answer" else None
        return None

    upstream = Unwilling(TWO)
    async with over(upstream, plugin(on_request=on_request), keepalive_s=0.001) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        created = await begun(talker)
        await deciding.wait()
        id = created["response"]["id"]
        talker.send(interrupt(id))
        await taken(talker)
        go.set()
        first = await talker.answer()
        assert upstream.requests == []
        second = await talker.ask(talker.create([prompt("more")], first[-1]["response"]["id"]))
        talker.frames.close()

    if then == "the model":
        assert [event for event in types(first) if event != "response.in_progress"] == [END[0], END[-1]]
        assert (first[-2]["response_id"], first[-1]["response"]["id"]) == (id, id)
    else:
        assert first[-1]["type"] == "response.completed"
    assert second[-1]["type"] == "response.completed"
    assert '"more"' in sent(upstream)
    assert ('"hello"' in sent(upstream)) is (then == "the model")
