"""What goes up on a WebSocket after the two views of a conversation have parted: legal, and no more than is new."""

from __future__ import annotations

from typing import Any

import pytest
from proxy.made_plugin import DONE, PLUS, plugin, sent
from proxy.sockets import compact, dial

from codexplus_core import Event, Exchange, LocalReply, Refusal, ToolCall, ToolResult
from codexplus_core.testing import CodexClient, Harness, StrictUpstream, call, cut, failed, shell, status, text

pytestmark = pytest.mark.wire("W3")


def asked(upstream: StrictUpstream, at: int = -1) -> tuple[str | None, list[str]]:
    """The response that a request went on from, if any, and what it brought: a type, or a message's role and words."""
    body = upstream.turns[at].body
    return body.get("previous_response_id"), [_said(item) for item in body["input"]]


def _said(item: dict[str, Any]) -> str:
    if item.get("type", "message") != "message":
        return str(item["type"])
    return f"{item['role']}: {item['content'][-1]['text']}"


def made(upstream: StrictUpstream, at: int) -> str:
    """The id of the upstream's response number ``at``, warm-ups included."""
    return list(upstream.chains)[at]


def looks() -> object:
    return plugin(on_request=lambda exchange: None)


def local(words: str) -> object:
    """Answers these words here."""
    return plugin(on_request=lambda exchange: LocalReply("here") if exchange.prompt == words else None)


async def test_an_untouched_conversation_goes_on_from_the_upstreams_own_responses() -> None:
    async with Harness([looks()], transport="websocket", script=[text("one"), text("two")]) as proxy:
        await proxy.say("first")
        await proxy.say("second")

    assert asked(proxy.upstream, 0)[0] == made(proxy.upstream, 0), "the warm-up"
    assert asked(proxy.upstream, 1) == (made(proxy.upstream, 1), ["user: second"])
    assert len({id(got.connection) for got in proxy.upstream.requests}) == 1


@pytest.mark.wire("W9")
async def test_after_a_local_answer_the_model_goes_on_from_its_own_last_response() -> None:
    script = [text("one"), text("two")]
    async with Harness([local("/ping")], transport="websocket", script=script) as proxy:
        await proxy.say("first")
        assert (await proxy.say("/ping")).text == "here"
        assert (await proxy.say("second")).text == "two"

        told = proxy.socket_of(proxy.codex).sent[-1]["previous_response_id"]

    assert told not in proxy.upstream.chains, "the client goes on from an answer that was made here"
    assert asked(proxy.upstream) == (made(proxy.upstream, 1), ["user: second"])
    assert "/ping" not in sent(proxy.upstream)


@pytest.mark.wire("W9")
async def test_where_the_first_answer_is_local_the_model_gets_the_context_with_the_second_prompt() -> None:
    async with Harness([local("/ping")], transport="websocket") as proxy:
        await proxy.say("/ping")
        await proxy.say("hello")

    previous, brought = asked(proxy.upstream)
    assert previous == made(proxy.upstream, 0)
    assert brought[-1] == "user: hello"
    assert len(brought) == len(proxy.upstream.turns[-1].conversation) > 1
    assert "/ping" not in sent(proxy.upstream)


@pytest.mark.wire("W11")
async def test_a_rewritten_prompt_stays_rewritten_and_is_sent_once() -> None:
    def on_request(exchange: Exchange) -> None:
        if exchange.prompt == "/up":
            exchange.prompt = "REWRITTEN"

    async with Harness([plugin(on_request=on_request)], transport="websocket") as proxy:
        for words in ("/up", "more", "and more"):
            await proxy.say(words)

    assert asked(proxy.upstream, 0)[1][-1] == "user: REWRITTEN"
    assert asked(proxy.upstream, 1) == (made(proxy.upstream, 1), ["user: more"])
    assert asked(proxy.upstream, 2) == (made(proxy.upstream, 2), ["user: and more"])
    assert "/up" not in sent(proxy.upstream)


@pytest.mark.wire("W12")
async def test_a_hidden_round_brings_the_output_alone_and_the_next_turn_goes_on_from_it() -> None:
    answers = plugin(
        on_request=lambda exchange: exchange.add_tool(*PLUS),
        on_tool_use=lambda call: ToolResult("4") if call.name == "plus" else None,
    )
    script = [call("plus", {}), text("four"), text("done")]
    async with Harness([answers], transport="websocket", script=script) as proxy:
        first = await proxy.say("2+2")
        await proxy.say("thanks")

    assert first.text == "four"
    assert first.events.count("response.completed") == first.events.count("response.created") == 1
    assert asked(proxy.upstream, 1) == (made(proxy.upstream, 1), ["function_call_output"])
    assert asked(proxy.upstream, 2)[0] == made(proxy.upstream, 2)
    assert asked(proxy.upstream, 2)[1][-1] == "user: thanks"


@pytest.mark.wire("W13")
async def test_a_denied_call_is_answered_to_the_model_alone() -> None:
    def on_tool_use(call: ToolCall) -> Refusal:
        return Refusal("not that")

    script = [shell("rm -rf /"), text("sorry"), text("fine")]
    async with Harness([plugin(on_tool_use=on_tool_use)], transport="websocket", script=script) as proxy:
        first = await proxy.say("clean up")
        await proxy.say("good")

    assert (first.text, first.seen.calls) == ("sorry", [])
    assert asked(proxy.upstream, 1) == (made(proxy.upstream, 1), ["custom_tool_call_output"])
    assert asked(proxy.upstream, 2) == (made(proxy.upstream, 2), ["user: good"])


async def test_words_that_only_the_client_has_do_not_break_the_models_chain() -> None:
    def on_chunk(event: Event) -> Event | None:
        if event.type != DONE:
            return None
        data = event.data or {}
        return event.replace({**data, "item": {**data["item"], "content": [{"type": "output_text", "text": "loud"}]}})

    script = [text("quiet"), text("two")]
    async with Harness([plugin(on_chunk=on_chunk)], transport="websocket", script=script) as proxy:
        assert (await proxy.say("first")).text == "loud"
        await proxy.say("second")

    assert asked(proxy.upstream) == (made(proxy.upstream, 1), ["user: second"])
    assert "loud" not in sent(proxy.upstream)


@pytest.mark.wire("W14")
async def test_after_a_refusal_the_conversation_goes_on_from_before_it() -> None:
    refuses = plugin(on_request=lambda exchange: Refusal("no such thing") if exchange.prompt == "bad" else None)
    codex = CodexClient()
    async with Harness([refuses], script=[text("one"), text("two")]) as proxy:
        talker = await dial(proxy, codex=codex)
        first = await talker.ask(talker.create())
        previous = first[-1]["response"]["id"]
        codex.receive(b"".join(b"data: %b\n\n" % compact(event) for event in first))
        bad, good = (codex.say(words).json["input"][-1] for words in ("bad", "good"))
        no = await talker.ask({**talker.create([bad], previous), "client_metadata": _turn(codex)})
        yes = await talker.ask({**talker.create([good], previous), "client_metadata": _turn(codex)})
        talker.frames.close()

    assert no[-1]["response"]["error"] == {"code": "invalid_prompt", "message": "no such thing"}
    assert yes[-1]["type"] == "response.completed"
    assert asked(proxy.upstream) == (previous, ["user: good"])


def _turn(codex: CodexClient) -> dict[str, Any]:
    request = codex._last
    assert request is not None
    return dict(request.json["client_metadata"])


@pytest.mark.parametrize("broken", [status(400), failed("server_error", "no"), cut(3)])
async def test_behind_a_broken_answer_the_whole_conversation_goes_up(broken: Any) -> None:
    script = [text("one"), broken, text("two")]
    async with Harness([looks()], transport="websocket", script=script) as proxy:
        await proxy.say("first")
        assert not (await proxy.say("second")).seen.completed
        assert (await proxy.retry()).text == "two"

    previous, brought = asked(proxy.upstream)
    assert previous is None
    assert [words for words in brought if words in ("user: first", "assistant: one", "user: second")] == [
        "user: first", "assistant: one", "user: second",
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [status(400), failed("server_error", "no")])
async def test_a_client_that_goes_on_behind_a_broken_answer_gets_its_whole_conversation_up(broken: Any) -> None:
    async with Harness([looks()], script=[text("one"), broken, text("two")]) as proxy:
        talker = await dial(proxy)
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "more"}]}
        previous = (await talker.ask(talker.create()))[-1]["response"]["id"]
        await talker.ask(talker.create([item], previous))
        answer = await talker.ask(talker.create([item], previous))
        talker.frames.close()

    assert answer[-1]["type"] == "response.completed"
    assert asked(proxy.upstream)[0] is None
    assert asked(proxy.upstream)[1][-2:] == ["assistant: one", "user: more"]


async def test_an_unknown_response_is_refused_here_and_the_connection_goes_on() -> None:
    async with Harness([looks()]) as proxy:
        talker = await dial(proxy)
        (unknown,) = await talker.ask(talker.create([], "resp_of_another_connection"))
        answer = await talker.ask(talker.create())
        talker.frames.close()

    assert unknown["status"] == 400
    assert unknown["error"]["code"] == "previous_response_not_found"
    assert unknown["error"]["param"] == "previous_response_id"
    assert "resp_of_another_connection" in unknown["error"]["message"]
    assert answer[-1]["type"] == "response.completed"
    assert len(proxy.upstream.requests) == 1


@pytest.mark.wire("W11", "W20")
async def test_a_resumed_thread_brings_its_whole_view_behind_the_warm_up_and_the_model_its_own() -> None:
    def on_request(exchange: Exchange) -> LocalReply | None:
        if exchange.prompt == "/up":
            exchange.prompt = "REWRITTEN"
        return LocalReply("here") if exchange.prompt == "/ping" else None

    async with Harness([plugin(on_request=on_request)], transport="websocket", script=[text("one")]) as first:
        await first.say("/up")
        await first.say("/ping")
        resumed = first.codex.resume()
    again = Harness([plugin(on_request=on_request)], transport="websocket", store=first.store, script=[text("two")])
    async with again as proxy:
        reply = await proxy.send(resumed.say("go on"), resumed)

    assert reply.text == "two"
    previous, brought = asked(proxy.upstream)
    assert previous == made(proxy.upstream, 0), "the warm-up of this connection"
    assert [words for words in brought if words.startswith(("user: REW", "assistant", "user: go", "user: /"))] == [
        "user: REWRITTEN", "assistant: one", "user: go on",
    ]  # fmt: skip


async def test_a_client_goes_on_from_any_of_its_responses_not_only_from_the_newest() -> None:
    script = [text("one"), text("two"), text("other two")]
    async with Harness([looks()], script=script) as proxy:
        talker = await dial(proxy)
        one, other = (
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
            for words in ("more", "no, this")
        )
        previous = (await talker.ask(talker.create()))[-1]["response"]["id"]
        await talker.ask(talker.create([one], previous))
        answer = await talker.ask(talker.create([other], previous))
        talker.frames.close()

    assert answer[-1]["type"] == "response.completed"
    assert asked(proxy.upstream)[1][-1] == "user: no, this"
    assert [_said(item) for item in proxy.upstream.turns[-1].conversation[-2:]] == ["assistant: one", "user: no, this"]


async def test_words_instead_of_items_are_a_users_message() -> None:
    def on_request(exchange: Exchange) -> None:
        exchange.model = "another"

    async with Harness([plugin(on_request=on_request)]) as proxy:
        talker = await dial(proxy)
        await talker.ask({**talker.create(), "input": "hello", "instructions": "be brief", "tools": []})
        talker.frames.close()

    assert asked(proxy.upstream) == (None, ["user: hello"])
