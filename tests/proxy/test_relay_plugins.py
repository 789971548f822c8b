"""What plugins do to an exchange, and what nobody's fault may do to anybody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from proxy.over_asgi import over_asgi

from codexplus_core import Command, Event, Exchange, LocalReply, Refusal, Session, ToolCall, ToolResult, hookimpl
from codexplus_core.proxy.transport import UpstreamError
from codexplus_core.testing import CodexClient, Gate, Harness, StrictUpstream, call, cut, shell, status, text

VERSIONS = ("0.29.0", "0.60.1", "0.98.0", "0.120.0", "0.169.0")
DONE = "response.output_item.done"
PLUS = ("plus", "adds", {"type": "object", "properties": {}})


class Plugin:
    """A plugin out of functions: ``plugin(on_request=…)``."""


def plugin(**hooks: Any) -> object:
    declared = {name: value for name, value in hooks.items() if name.isupper()}
    marked = {name: staticmethod(hookimpl(hook)) for name, hook in hooks.items() if not name.isupper()}
    return type("Plugin", (Plugin,), {**declared, **marked})()


def sent(upstream: StrictUpstream, at: int = -1) -> str:
    return json.dumps(upstream.turns[at].body["input"], ensure_ascii=False)


# -- local replies and refusals


@pytest.mark.wire("W9", "W18")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_local_reply_is_read_by_codex_and_its_turn_never_reaches_the_model(version: str) -> None:
    def on_request(exchange: Exchange) -> LocalReply | None:
        return LocalReply("pong") if exchange.prompt == "/ping" else None

    async with Harness([plugin(on_request=on_request)], codex=version) as proxy:
        first = await proxy.say("/ping")
        second = await proxy.say("hello")

        assert (first.text, first.error, second.text) == ("pong", None, "Hello from the script.")
        assert len(proxy.upstream.turns) == 1
        assert "ping" not in sent(proxy.upstream)
        assert "pong" not in sent(proxy.upstream)


@pytest.mark.wire("W18")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_prompt_sent_twice_runs_its_side_effects_once_and_is_answered_twice(version: str) -> None:
    runs: list[str] = []

    def on_request(exchange: Exchange) -> LocalReply | None:
        if exchange.prompt is None:
            return None
        runs.append(exchange.prompt)
        return LocalReply("done once")

    async with Harness([plugin(on_request=on_request)], codex=version) as proxy:
        request = proxy.codex.say("/deploy")
        leave = asyncio.Event()
        leave.set()
        await proxy.request(request.method, request.path, request.headers, request.body, leave=leave)
        reply = await proxy.send(request)

    assert (runs, reply.text) == (["/deploy"], "done once")


@pytest.mark.wire("W14")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_refusal_is_shown_verbatim_and_not_retried_by_any_version(version: str) -> None:
    async with Harness([plugin(on_request=lambda exchange: _refuse(exchange))], codex=version) as proxy:
        reply = await proxy.say("please no")
        later = await proxy.say("and now")

        assert not reply.seen.retries
        assert "this workspace says no" in (reply.error or reply.text)
        assert later.text == "Hello from the script."
        assert "please no" not in sent(proxy.upstream)
        assert "workspace" not in sent(proxy.upstream)


def _refuse(exchange: Exchange) -> Refusal | None:
    return Refusal("this workspace says no") if exchange.prompt and "no" in exchange.prompt.split() else None


async def test_a_refused_prompt_that_is_sent_again_is_refused_again_and_not_sent_up() -> None:
    async with Harness([plugin(on_request=lambda exchange: _refuse(exchange))]) as proxy:
        request = proxy.codex.say("please no")
        await proxy.send(request)

        again = await proxy.send(request)

        assert again.error == "this workspace says no"
        assert not proxy.upstream.turns


@pytest.mark.parametrize("stream", [True, False, None])
async def test_clients_that_are_not_codex_are_refused_with_a_status_and_json(stream: bool | None) -> None:
    body: dict[str, Any] = {"model": "m", "input": "please no"}
    if stream is not None:
        body["stream"] = stream
    async with Harness([plugin(on_request=lambda exchange: _refuse(exchange))]) as proxy:
        headers = [(b"content-type", b"application/json")]
        reply = await proxy.request("POST", "/v1/responses", headers, json.dumps(body).encode())

    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["message"]) == (403, "refused", "this workspace says no")


@pytest.mark.parametrize("stream", [False, None])
async def test_a_client_that_does_not_stream_gets_a_local_reply_as_one_object(stream: bool | None) -> None:
    body: dict[str, Any] = {"model": "m", "input": "hello"}
    if stream is not None:
        body["stream"] = stream

    async def pieces() -> AsyncIterator[str]:
        yield "po"
        yield "ng"

    async with Harness([plugin(on_request=lambda: LocalReply(pieces()))]) as proxy:
        headers = [(b"content-type", b"application/json")]
        reply = await proxy.request("POST", "/v1/responses", headers, json.dumps(body).encode())

    answer = json.loads(reply.body)
    assert (answer["status"], answer["output"][0]["content"][0]["text"]) == ("completed", "pong")


async def test_a_prompt_given_as_a_plain_string_can_be_read_and_rewritten() -> None:
    def on_request(exchange: Exchange) -> None:
        assert exchange.prompt == "hello"
        exchange.prompt = "rewritten"

    body = {"model": "m", "input": "hello", "instructions": "x", "tools": [], "stream": True}
    async with Harness([plugin(on_request=on_request)]) as proxy:
        headers = [(b"content-type", b"application/json")]
        reply = await proxy.request("POST", "/v1/responses", headers, json.dumps(body).encode())

        assert reply.status == 200
        assert proxy.upstream.turns[0].body["input"][0]["content"][0]["text"] == "rewritten"


async def test_other_paths_can_be_answered_and_refused() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "two "
        yield "pieces"

    def on_request(exchange: Exchange) -> Any:
        answers = {"/refused": Refusal("no", 451, "law"), "/text": LocalReply("one"), "/pieces": LocalReply(pieces())}
        return answers.get(exchange.path) if exchange.kind == "other" else None

    async with Harness([plugin(on_request=on_request)]) as proxy:
        refused = await proxy.request("GET", "/v1/refused")
        plain = await proxy.request("GET", "/v1/text")
        streamed = await proxy.request("GET", "/v1/pieces")

        assert (refused.status, json.loads(refused.body)["error"]["code"]) == (451, "law")
        assert (plain.status, plain.body, streamed.body) == (200, b"one", b"two pieces")
        assert not proxy.upstream.requests


# -- the model, the tools, the context


@pytest.mark.wire("W15")
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


@pytest.mark.parametrize("version", ["0.120.0", "0.169.0"])
async def test_the_tools_of_an_exchange_are_read_in_both_shapes(version: str) -> None:
    names: list[Any] = []

    def on_request(exchange: Exchange) -> None:
        exchange.add_tool(*PLUS)
        names.extend((tool["name"], tool.get("namespace")) for tool in exchange.tools)

    async with Harness([plugin(on_request=on_request)], codex=version) as proxy:
        await proxy.say("hello")

    expected = {"0.120.0": [("exec_command", None)], "0.169.0": [("exec", None), ("sleep", "clock")]}[version]
    assert {*expected, ("plus", None)} <= set(names)


@pytest.mark.wire("W12")
@pytest.mark.req("P4")
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
    monkeypatch.setattr("codexplus_core.proxy.relay.MAX_ROUNDS", 5)
    async with Harness([plugin(on_turn_end=lambda: "go on")]) as proxy:
        reply = await proxy.say("hello")

        assert len(proxy.upstream.turns) == 5
        assert "stopped after 5 rounds" in (reply.error or "")
        assert not reply.seen.retries


@pytest.mark.req("P7")
@pytest.mark.wire("W7")
@pytest.mark.parametrize("trouble", [status(500), status(429), cut(1), cut(4)])
async def test_an_error_in_a_further_round_is_a_cut_and_the_retry_finds_the_work_done(trouble: Any) -> None:
    runs: list[str] = []

    def on_tool_use(call: ToolCall) -> ToolResult:
        runs.append(call.id)
        return ToolResult("42")

    hidden = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
    async with Harness([hidden], script=[call("plus", {}), trouble, text("42 it is")]) as proxy:
        broken = await proxy.say("add")
        reply = await proxy.retry()

        assert not broken.ended
        assert (reply.text, len(runs)) == ("42 it is", 1)


async def test_an_unreachable_upstream_in_a_further_round_is_a_cut() -> None:
    upstream = StrictUpstream([call("plus", {})])

    def on_tool_use() -> ToolResult:
        upstream.unreachable = UpstreamError("connect", "gone")
        return ToolResult("42")

    hidden = plugin(on_request=lambda exchange: exchange.add_tool(*PLUS), on_tool_use=on_tool_use)
    async with Harness([hidden], upstream=upstream) as proxy:
        reply = await proxy.say("add")

    assert not reply.ended


# -- on_chunk


def _chunk_plugin(kind: str, change: Any) -> object:
    return plugin(WATCHES=(kind,), on_chunk=lambda event: change(event))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("how", ["replaced", "dropped", "doubled", "asynchronously"])
async def test_the_model_keeps_its_own_words_whatever_becomes_of_an_item_on_the_way(how: str, version: str) -> None:
    def replaced(event: Event) -> Event:
        item = dict((event.data or {})["item"])
        item["content"] = [{**item["content"][0], "text": "CHANGED"}]
        return event.replace({**(event.data or {}), "item": item})

    async def later(event: Event) -> Event:
        await asyncio.sleep(0)
        return replaced(event)

    changes = {
        "replaced": replaced, "dropped": lambda event: [], "asynchronously": later,
        "doubled": lambda event: [event, replaced(event)],
    }  # fmt: skip
    async with Harness([_chunk_plugin(DONE, changes[how])], script=[text("own words")], codex=version) as proxy:
        reply = await proxy.say("hello")
        await proxy.say("again")

        assert {"dropped": "", "doubled": "own wordsCHANGED"}.get(how, "CHANGED") == reply.text
        assert sent(proxy.upstream).count("own words") == 1
        assert "CHANGED" not in sent(proxy.upstream)


async def test_deltas_are_replaced_dropped_and_multiplied() -> None:
    def on_chunk(event: Event) -> Any:
        delta = (event.data or {})["delta"]
        if delta == "b":
            return []
        return [event, event.replace({**(event.data or {}), "delta": delta.upper()})]

    async with Harness([_chunk_plugin("response.output_text.delta", on_chunk)], script=[text("abc", chunk=1)]) as proxy:
        reply = await proxy.say("hello")

    assert (reply.seen.streamed, reply.text) == ("aAcC", "abc")


async def test_a_call_that_a_plugin_takes_out_of_the_stream_is_answered_so_that_the_model_goes_on() -> None:
    def on_chunk(event: Event) -> Any:
        return [] if "call_id" in (event.data or {})["item"] else None

    async with Harness([_chunk_plugin(DONE, on_chunk)], script=[shell("ls"), text("then not")]) as proxy:
        reply = await proxy.say("hello")
        await proxy.say("again")

        assert (reply.seen.calls, reply.text) == ([], "then not")
        assert "taken out" in sent(proxy.upstream)


async def test_no_plugin_makes_the_client_run_a_call_twice_or_one_that_the_model_did_not_make() -> None:
    def on_chunk(event: Event) -> Any:
        data = event.data or {}
        other = {**data["item"], "call_id": "call_other"}
        return [event, event, event.replace({**data, "item": other})]

    async with Harness([_chunk_plugin(DONE, on_chunk)], script=[shell("ls"), text("fine")]) as proxy:
        reply = await proxy.say("hello")
        await proxy.tool_outputs()

        assert len(reply.seen.calls) == 1


async def test_words_that_a_plugin_puts_before_the_end_are_kept_from_the_model() -> None:
    item = {
        "id": "msg_extra", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "APPENDED", "annotations": []}],
    }  # fmt: skip

    def on_chunk(event: Event) -> Any:
        return [Event(DONE, {"item": item, "output_index": 7}), event]

    async with Harness([_chunk_plugin("response.completed", on_chunk)]) as proxy:
        reply = await proxy.say("hello")
        await proxy.say("again")

        assert reply.text.endswith("APPENDED")
        assert "APPENDED" not in sent(proxy.upstream)


async def test_added_tools_do_not_hide_the_begin_of_items_from_on_chunk() -> None:
    seen: list[str] = []

    def on_request(exchange: Exchange) -> None:
        exchange.add_tool(*PLUS)
        exchange.watch("response.output_item.added")

    watches = plugin(on_request=on_request, on_chunk=lambda event: seen.append(event.type))
    async with Harness([watches]) as proxy:
        await proxy.say("hello")

    assert seen == ["response.output_item.added"]


# -- faults


class Faulty:
    """Fails in every hook, in its own way."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def fail(self) -> Any:
        if self.how == "raises":
            raise RuntimeError("boom")
        if self.how == "hangs":
            await asyncio.Event().wait()
        return object()

    @hookimpl
    async def on_session(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_request(self, exchange: Exchange) -> Any:
        exchange.prompt = "half an edit" if exchange.prompt else None
        return await self.fail()

    @hookimpl
    async def on_tool_use(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_tool_result(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_chunk(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_turn_end(self) -> Any:
        return await self.fail()

    @hookimpl
    async def on_exchange_end(self) -> Any:
        return await self.fail()


@pytest.mark.req("P11")
@pytest.mark.abuse("I15")
@pytest.mark.parametrize("how", ["raises", "hangs", "answers nonsense"])
async def test_a_faulty_plugin_harms_nobody_else(how: str) -> None:
    seen: list[str] = []
    good = plugin(on_request=lambda exchange: seen.append(exchange.prompt or ""), ORDER=90)
    async with Harness([Faulty(how), good], script=[shell("ls"), text("done")], limit=0.002) as proxy:
        first = await proxy.say("hello")
        second = await proxy.tool_outputs("files")

        assert (len(first.seen.calls), second.text) == (1, "done")
        assert seen == ["hello", ""]
        assert "half an edit" not in sent(proxy.upstream)
        assert {entry["plugin"] for _, _, entry in proxy.log.entries} == {"Faulty"}


def raising(*_: Any) -> None:
    raise RuntimeError("boom")


@pytest.mark.abuse("I15")
async def test_a_plugin_that_may_not_be_skipped_refuses_a_prompt_it_failed_on() -> None:
    async with Harness([plugin(FAIL_CLOSED=True, on_request=lambda: raising())]) as proxy:
        reply = await proxy.say("hello")

        assert "must not be skipped" in (reply.error or "")
        assert not reply.seen.retries
        assert not proxy.upstream.turns


@pytest.mark.abuse("I15")
async def test_a_plugin_that_may_not_be_skipped_denies_a_call_it_failed_on() -> None:
    closed = plugin(FAIL_CLOSED=True, on_tool_use=lambda: raising())
    async with Harness([closed], script=[shell("ls"), text("no")]) as proxy:
        reply = await proxy.say("hello")

        assert (reply.seen.calls, reply.text) == ([], "no")


@pytest.mark.abuse("I15")
async def test_a_plugin_that_may_not_be_skipped_withholds_an_output_it_failed_on() -> None:
    closed = plugin(FAIL_CLOSED=True, on_tool_result=lambda: raising())
    async with Harness([closed], script=[shell("ls"), text("ok")]) as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs("SECRET")

        assert "SECRET" not in sent(proxy.upstream)
        assert "output withheld" in sent(proxy.upstream)


@pytest.mark.abuse("I15")
@pytest.mark.parametrize("kind", ["response.output_text.delta", DONE, "response.completed"])
async def test_a_plugin_that_may_not_be_skipped_ends_a_stream_it_failed_on_as_failed(kind: str) -> None:
    closed = plugin(FAIL_CLOSED=True, WATCHES=(kind,), on_chunk=lambda: raising())
    async with Harness([closed]) as proxy:
        reply = await proxy.say("hello")

        assert not reply.seen.completed
        assert "must not be skipped" in (reply.error or "")
        assert reply.ended


@pytest.mark.req("P11")
async def test_a_local_answer_that_breaks_off_ends_as_failed() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "half of "
        raise RuntimeError("boom")

    async with Harness([plugin(on_request=lambda: LocalReply(pieces()))]) as proxy:
        reply = await proxy.say("hello")

        assert (reply.seen.streamed, reply.seen.completed, reply.ended) == ("half of ", False, True)
        assert not proxy.log.events("relay_failed")


# -- the client goes


@pytest.mark.req("P11")
@pytest.mark.wire("W6")
@pytest.mark.parametrize("phase", ["on_request", "other path", "before the head", "mid-stream", "hidden tool", "local"])
async def test_a_client_that_goes_ends_the_plugins_work_and_the_upstreams(phase: str) -> None:
    reached, ended, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
    outcomes: list[Any] = []

    async def work() -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def pieces() -> AsyncIterator[str]:
        yield "one"
        await work()

    class Slow:
        @hookimpl
        async def on_request(self, exchange: Exchange) -> Any:
            if phase == "on_request" or (phase == "other path" and exchange.kind == "other"):
                await work()
            exchange.add_tool(*PLUS)
            return LocalReply(pieces()) if phase == "local" else None

        @hookimpl
        async def on_tool_use(self) -> None:
            await work()

        @hookimpl
        def on_exchange_end(self, outcome: Any) -> None:
            outcomes.append(outcome)

    gate = Gate("gate")
    script = {"mid-stream": text("slow").stall(gate, 4), "before the head": text("slow").stall(gate, 0)}
    async with asyncio.timeout(10), Harness([Slow()], script=[script.get(phase, call("plus", {}))]) as proxy:
        request = proxy.codex.say("hello")
        path, method = ("/v1/models", "GET") if phase == "other path" else (request.path, "POST")
        body = b"" if phase == "other path" else request.body
        sending = asyncio.ensure_future(proxy.request(method, path, request.headers, body, leave=leave))
        await (proxy.upstream.standing_at(gate) if phase in script else reached.wait())

        leave.set()
        reply = await sending

        assert not reply.ended
        assert phase in script or ended.is_set()
        assert all(got.aborted for got in proxy.upstream.turns if phase in script)
        assert proxy.app.active == 0
        assert phase == "other path" or [outcome.error for outcome in outcomes] == ["client_gone"]


# -- keeping alive


@pytest.mark.req("P8")
@pytest.mark.wire("W16")
@pytest.mark.parametrize("then", ["model", "local", "refusal", "error", "unreachable"])
async def test_a_slow_plugin_keeps_the_client_alive_with_data_events(then: str) -> None:
    go = asyncio.Event()

    async def on_request() -> Any:
        await go.wait()
        return {"local": LocalReply("pong"), "refusal": Refusal("no")}.get(then)

    upstream = StrictUpstream([status(400, {"error": {"message": "too long"}})] if then == "error" else [])
    if then == "unreachable":
        upstream.unreachable = UpstreamError("connect", "gone")
    slow = plugin(on_request=on_request)
    async with asyncio.timeout(10), Harness([slow], upstream=upstream, keepalive_s=0.001) as proxy:
        request = proxy.codex.say("hello")
        body, heads = b"", []

        async def send(message: Any) -> None:
            nonlocal body
            heads.extend([message["status"]] if "status" in message else [])
            body += message.get("body", b"")
            if body.count(b"event: response.in_progress") == 2:
                go.set()

        await over_asgi(proxy, request, send)
        seen = proxy.codex.receive(body)

    assert heads == [200]
    assert seen.events[:3] == ["response.created", "response.in_progress", "response.in_progress"]
    assert seen.events.count("response.created") == 1
    assert seen.text == {"model": "Hello from the script.", "local": "pong"}.get(then, "")
    assert seen.completed is (then in ("model", "local"))
    words = {"refusal": "no", "error": "too long", "unreachable": "stream disconnected before completion"}
    assert seen.error == words.get(then)
    assert seen.retries is (then == "unreachable")


# -- commands


def commands(*made: Command) -> object:
    return plugin(add_commands=lambda: list(made))


@pytest.mark.req("S12")
@pytest.mark.parametrize("typed", ["/up hello world", "  /up hello world", "//up hello world", "/up\nhello world"])
async def test_a_command_expands_for_the_model(typed: str) -> None:
    async def expand(exchange: Exchange, args: str) -> str:
        return f"EXPANDED {args}"

    async with Harness([commands(Command("up", expand=expand))]) as proxy:
        await proxy.say(typed)
        await proxy.say("and later")

        assert "EXPANDED hello world" in sent(proxy.upstream)
        assert "/up" not in sent(proxy.upstream)


@pytest.mark.req("S11", "S12")
async def test_a_command_answers_without_the_model_and_unknown_ones_go_up_as_typed() -> None:
    async def answer(exchange: Exchange, args: str) -> LocalReply:
        return LocalReply(f"answered {args}")

    async with Harness([commands(Command("ask", answer=answer))]) as proxy:
        reply = await proxy.say("/ask me")
        await proxy.say("/asking me")
        await proxy.say("/")

        assert reply.text == "answered me"
        assert "/asking me" in sent(proxy.upstream)
        assert "/ask me" not in sent(proxy.upstream)


@pytest.mark.req("P11")
@pytest.mark.parametrize("kind", ["answer", "expand"])
@pytest.mark.parametrize("fault", ["raises", "answers nonsense", "hangs"])
async def test_a_command_that_fails_says_so_and_is_not_sent_to_the_model(kind: str, fault: str) -> None:
    async def broken(exchange: Exchange, args: str) -> Any:
        if fault == "hangs":
            await asyncio.Event().wait()
        if fault == "raises":
            raise RuntimeError("boom")
        return 7

    bad = Command("bad", answer=broken) if kind == "answer" else Command("bad", expand=broken)
    async with Harness({"mine": commands(bad)}, limit=0.01) as proxy:
        reply = await proxy.say("/bad")

        assert reply.error == "/bad: the plugin 'mine' failed; see the log of codex-plus"
        assert not proxy.upstream.turns


# -- sessions, origins, outcomes


@pytest.mark.wire("W10")
@pytest.mark.parametrize("version", VERSIONS)
async def test_every_kind_of_request_is_known_by_its_origin(version: str) -> None:
    seen: list[Any] = []

    def on_request(exchange: Exchange) -> None:
        seen.append((exchange.turn.origin, exchange.prompt))

    async with Harness([plugin(on_request=on_request)], script=[shell("ls")], codex=version) as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs("files")
        compaction = proxy.codex.compact()
        await proxy.request("POST", compaction.path, compaction.headers, compaction.body)
        expected: list[Any] = [("user", "hello"), ("tool", None), ("compaction", None)]
        if version == "0.169.0":
            other = CodexClient(version, seed=7)
            await proxy.send(other.say("first"), other)
            await proxy.send(other.title_request("first"), CodexClient(version, seed=8))
            for child, request in (other.subagent("task"), other.review()):
                await proxy.send(request, child)
            expected += [("user", "first"), ("title", None), ("subagent", None), ("review", None)]

    assert seen == expected


async def test_a_session_starts_resumes_is_compacted_and_ends() -> None:
    phases: list[Any] = []

    def on_session(session: Session, phase: str) -> None:
        phases.append((session.thread_id, phase, str(session.cwd), session.codex_version))

    async with Harness([plugin(on_session=on_session)]) as proxy:
        await proxy.say("hello")
        await proxy.say("again")
        request = proxy.codex.compact()
        await proxy.send(request)
        thread = proxy.codex.thread.thread
        await proxy.say("after")

    assert phases == [(thread, phase, "/home/user/project", "0.169.0") for phase in ("start", "compact", "end")]


@pytest.mark.parametrize("version", VERSIONS[1:])
async def test_a_thread_that_was_begun_before_the_proxy_is_resumed(version: str) -> None:
    phases: list[str] = []
    async with Harness(codex=version) as before:
        await before.say("hello")

    async with Harness([plugin(on_session=lambda phase: phases.append(phase))], codex=version) as proxy:
        proxy.codex = before.codex
        proxy.upstream.chains = before.upstream.chains
        await proxy.say("again")

    assert phases == ["resume", "end"]


@pytest.mark.parametrize(
    ("script", "error", "answered_by", "code", "rounds"),
    [
        ([text("ok")], None, "upstream", 200, 1),
        ([call("plus", {}), text("ok")], None, "upstream", 200, 2),
        ([cut(3)], "cut", "upstream", 200, 1),
        ([status(500)], "failed", "upstream", 500, 1),
    ],
    ids=["well", "two rounds", "cut", "status"],
)
async def test_how_an_exchange_ended_is_reported(
    script: list[Any], error: str | None, answered_by: str, code: int, rounds: int
) -> None:
    ends: list[Any] = []
    looks = plugin(
        on_request=lambda exchange: exchange.add_tool(*PLUS),
        on_tool_use=lambda: ToolResult("x"),
        on_exchange_end=lambda outcome: ends.append(outcome),
    )
    async with Harness([looks], script=script) as proxy:
        reply = await proxy.say("hello")

    (end,) = ends
    assert (end.error, end.answered_by, end.status, end.rounds) == (error, answered_by, code, rounds)
    assert end.bytes_out == len(reply.body)
    assert end.bytes_in > 0
    assert end.total_s >= (end.first_byte_s or 0) >= 0
    assert end.usage.input_tokens == (100 * rounds if error is None else 0)


# -- own routes


@pytest.mark.req("P11")
async def test_health_and_readiness_are_told_and_a_draining_proxy_is_not_ready() -> None:
    async with Harness([plugin(on_request=lambda: None)]) as proxy:
        health = json.loads((await proxy.request("GET", "/_codexplus/health")).body)
        ready = await proxy.request("GET", "/_codexplus/ready")
        assert await proxy.app.drain(1.0)
        draining = await proxy.request("GET", "/_codexplus/ready")

    assert (health["status"], health["store"], health["plugins"][0]["name"]) == ("ok", "ok", "Plugin")
    assert (ready.status, draining.status) == (200, 503)


async def test_of_two_plugins_with_one_route_the_first_serves_it_and_the_conflict_is_reported() -> None:
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    def routes(words: str) -> Any:
        async def page(request: Any) -> PlainTextResponse:
            return PlainTextResponse(words)

        return lambda: [Route("/page", page), Route("/health", page)]

    one, two = plugin(ORDER=10, add_routes=routes("one")), plugin(ORDER=20, add_routes=routes("two"))
    async with Harness({"one": one, "two": two}) as proxy:
        reply = await proxy.request("GET", "/_codexplus/page")

        taken = [(entry["plugin"], entry["route"], entry["taken_by"]) for entry in proxy.log.events("route_conflict")]
        assert reply.body == b"one"
        assert taken == [("one", "/health", "core"), ("two", "/page", "one"), ("two", "/health", "core")]
        assert not proxy.upstream.requests
