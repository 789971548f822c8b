"""Models, tools and rounds that a plugin changes, and what the model and the client see of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from proxy.made_plugin import PLUS, VERSIONS, plugin, sent

from codexplus_core import Exchange, Refusal, ToolCall, ToolResult
from codexplus_core.proxy.transport import UpstreamError
from codexplus_core.testing import Answer, Harness, StrictUpstream, call, cut, shell, status, text
from codexplus_core.testing.script import Asked, Step

pytestmark = pytest.mark.transports("http", "websocket")


@pytest.mark.wire("W15")
@pytest.mark.transports("http")
async def test_a_changed_model_is_asked_and_the_client_is_told_of_the_one_it_asked_for() -> None:
    def on_request(exchange: Exchange) -> None:
        if exchange.prompt:
            exchange.model = "other"

    answer = text("hi").with_headers(openai_model="other")
    async with Harness([plugin(on_request=on_request)], script=[shell("ls"), answer]) as proxy:
        await proxy.say("hello")
        reply = await proxy.tool_outputs()

        assert [got.body["model"] for got in proxy.upstream.turns] == ["other", "other"]
        assert [got.header("x-codex-routing-hint") for got in proxy.upstream.turns] == ["model=other", "model=other"]
        assert reply.header("openai-model") == "gpt-6.1-sol"


class Naming(Answer):
    """An answer that names its model as events can: at the top, and in the response."""

    def steps(self, asked: Asked, response_id: str) -> list[Step]:
        steps = super().steps(asked, response_id)
        named: Any = {"headers": {"OpenAI-Model": "other", "x": "y"}}
        return [{"type": "any.thing", **named}, {"type": "response.metadata", "response": named}, *steps]


@pytest.mark.wire("W15")
@pytest.mark.parametrize("looks", [True, False], ids=["watched", "not watched"])
async def test_a_changed_model_is_not_told_inside_the_events_either(looks: bool) -> None:
    def on_request(exchange: Exchange) -> None:
        exchange.model = "other" if exchange.prompt == "change it" else exchange.model

    hooks = {"on_chunk": lambda event: None} if looks else {}
    script = [Naming(text("hi").makers), Naming(text("hi").makers)]
    async with Harness([plugin(on_request=on_request, **hooks)], script=script) as proxy:
        changed = await proxy.say("change it")
        as_it_is = await proxy.say("leave it")

    named = [reply.body.count(b'"OpenAI-Model":"other"') for reply in (changed, as_it_is)]
    assert (named, changed.body.count(b'"OpenAI-Model":"gpt-6.1-sol"')) == ([0, 2], 2)


@pytest.mark.parametrize("version", ["0.120.0", "0.169.0"])
async def test_the_tools_of_an_exchange_are_read_in_both_shapes(version: str) -> None:
    names: list[Any] = []

    def on_request(exchange: Exchange) -> None:
        exchange.add_tool(*PLUS)
        names.extend((tool["name"], tool.get("namespace")) for tool in exchange.tools)

    async with Harness([plugin(on_request=on_request)], codex=version) as proxy:
        await proxy.say("hello")

    theirs: dict[str, set[Any]] = {
        "0.120.0": {("exec_command", None)},
        "0.169.0": {("exec", None), ("sleep", "clock")},
    }
    assert theirs[version] | {("plus", None)} <= set(names)


@pytest.mark.wire("W12")
@pytest.mark.parametrize("version", VERSIONS)
async def test_hidden_tools_take_further_rounds_that_the_client_sees_as_one_response(version: str) -> None:
    def on_tool_use(call: ToolCall) -> ToolResult:
        return ToolResult(f"hidden {call.arguments}")

    seen = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
    script = [call("plus", {"a": 1}) + call("plus", {"a": 2}), text("first. ") + call("plus", {"a": 3}), text("done")]
    async with Harness([seen], script=script, codex=version) as proxy:
        reply = await proxy.say("add")
        await proxy.say("more")

        events = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith(b"data: ")]
        indexes = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
        numbers = [event["sequence_number"] for event in events if "sequence_number" in event]
        assert reply.text == "first. done"
        assert [reply.events.count(kind) for kind in ("response.created", "response.completed")] == [1, 1]
        assert indexes == sorted(set(indexes))
        assert numbers == sorted(set(numbers))
        assert b"plus" not in reply.body
        assert reply.seen.usage is not None
        assert reply.seen.usage["input_tokens"] == 300
        assert sent(proxy.upstream).count("hidden") == 3


async def test_a_hidden_tool_that_nobody_answers_is_told_so_to_the_model() -> None:
    asks = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS))
    async with Harness([asks], script=[call("plus", {}), text("fine")]) as proxy:
        reply = await proxy.say("add")

        assert reply.text == "fine"
        assert "the tool plus gave no answer" in sent(proxy.upstream)


@pytest.mark.wire("W13")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_denied_call_never_reaches_the_client_and_the_model_reads_why(version: str) -> None:
    denies = plugin(on_tool_use=lambda: Refusal("not this one"))
    async with Harness([denies], script=[shell("rm -rf /"), text("I will not")], codex=version) as proxy:
        reply = await proxy.say("delete all")

        assert (reply.seen.calls, reply.text) == ([], "I will not")
        assert "not this one" in sent(proxy.upstream)


async def test_a_plugin_that_goes_on_for_ever_is_stopped_and_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codexplus_core.proxy.ask.MAX_ROUNDS", 5)
    async with Harness([plugin(on_turn_end=lambda: "go on")]) as proxy:
        reply = await proxy.say("hello")

        assert len(proxy.upstream.turns) == 5
        assert "stopped after 5 rounds" in (reply.error or "")
        assert not reply.seen.retries


@pytest.mark.req("P7")
@pytest.mark.wire("W7")
@pytest.mark.parametrize("trouble", [status(500), status(429), cut(1), cut(4)])
async def test_an_error_in_a_further_round_is_a_cut_and_the_retry_finds_the_work_done(
    trouble: Any, transport: str
) -> None:
    runs: list[str] = []

    def on_tool_use(call: ToolCall) -> ToolResult:
        runs.append(call.id)
        return ToolResult("42")

    hidden = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
    async with Harness([hidden], script=[call("plus", {}), trouble, text("42 it is")]) as proxy:
        broken = await proxy.say("add")
        reply = await proxy.retry()

        if transport == "websocket" and trouble.status != 200:
            assert broken.status == trouble.status  # a message says what only a status can say over HTTP
        else:
            assert not broken.ended
        assert (reply.text, len(runs)) == ("42 it is", 1)


@pytest.mark.transports("http")
async def test_an_unreachable_upstream_in_a_further_round_is_a_cut() -> None:
    upstream = StrictUpstream([call("plus", {})])

    def on_tool_use() -> ToolResult:
        upstream.unreachable = UpstreamError("connect", "gone")
        return ToolResult("42")

    hidden = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
    async with Harness([hidden], upstream=upstream) as proxy:
        reply = await proxy.say("add")

    assert not reply.ended
