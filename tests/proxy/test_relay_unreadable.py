"""Answers that plugins cannot see into."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from codexplus_core import Event, Exchange, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.proxy.whole import MOST_BYTES
from codexplus_core.testing import Answer, Harness, StrictUpstream, raw, shell, status, text


class Deny:
    FAIL_CLOSED = True

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.add_tool("plus", "Adds.", {"type": "object", "properties": {}})

    @hookimpl
    def on_tool_use(self) -> Refusal:
        return Refusal("no tools today")


class Open(Deny):
    FAIL_CLOSED = False


def calling(*names: str, **more: object) -> dict[str, object]:
    calls = [{"type": "function_call", "call_id": name, "name": name, "arguments": '{"a": 1}'} for name in names]
    return {"id": "resp_1", "output": [{"type": "reasoning", "id": "r", "summary": []}, *calls], **more}


class Judge:
    """Gives these verdicts, by the tool's name."""

    FAIL_CLOSED = True

    def __init__(self, verdicts: dict[str, Any]) -> None:
        self.verdicts = verdicts
        self.asked: list[str] = []

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> Any:
        self.asked.append(call.name)
        return self.verdicts.get(call.name)


ANSWER = {"id": "resp_1", "output": [{"type": "function_call", "call_id": "c", "name": "rm", "arguments": "{}"}]}


async def ask(proxy: Harness, **changes: object) -> tuple[int, bytes]:
    request = proxy.codex.say("hello")
    body = json.dumps({**request.json, **changes}).encode()
    headers = [(name, value) for name, value in request.headers if name.lower() != b"content-encoding"]
    reply = await proxy.request("POST", request.path, [*headers, (b"accept-encoding", b"gzip")], body)
    return reply.status, reply.body


class Watching(Judge):
    """Sees every event."""

    @hookimpl
    def on_chunk(self, event: Event) -> None:
        return None


@pytest.mark.abuse("I15")
@pytest.mark.parametrize("plugin", [Deny(), Open()], ids=["closed", "open"])
async def test_a_call_in_an_answer_without_a_stream_is_judged(plugin: object) -> None:
    async with Harness([plugin], script=[status(200, ANSWER)], strict=False) as proxy:
        code, body = await ask(proxy, stream=False)

    assert code == 403
    assert json.loads(body)["error"]["code"] == "tool_call_denied"
    assert b"the model asked for rm, which was not let through: no tools today" in body
    assert b"plus" not in proxy.upstream.turns[0].decoded


@pytest.mark.abuse("I15")
async def test_an_answer_without_a_stream_passes_as_it_came_where_nobody_minds_its_calls() -> None:
    judge = Judge({})
    async with Harness([judge], script=[status(200, calling("ls", "cat"))], strict=False) as proxy:
        code, body = await ask(proxy, stream=False)

    assert (code, body) == (200, json.dumps(calling("ls", "cat")).encode())
    assert judge.asked == ["ls", "cat"]
    assert not proxy.log.events("stream_not_readable")


async def test_a_call_that_a_plugin_changed_reaches_the_client_so_and_the_model_reads_its_own() -> None:
    judge = Judge({"cat": ToolCall("cat", "cat", {"a": 2}, kind="function_call")})
    script = [status(200, calling("ls", "cat")), text("Done.")]
    async with Harness([judge], script=script, strict=False) as proxy:
        code, body = await ask(proxy, stream=False)
        sent = json.loads(body)["output"]
        outputs = [{"type": "function_call_output", "call_id": name, "output": "ok"} for name in ("ls", "cat")]
        await ask(proxy, input=[*proxy.upstream.turns[0].body["input"], *sent, *outputs])

    assert code == 200
    assert [json.loads(item["arguments"]) for item in sent[1:]] == [{"a": 1}, {"a": 2}]
    told = [item for item in proxy.upstream.turns[1].body["input"] if item.get("type") == "function_call"]
    assert [json.loads(item["arguments"]) for item in told] == [{"a": 1}, {"a": 1}]


async def test_a_call_that_a_plugin_answers_itself_needs_a_stream() -> None:
    judge = Judge({"ls": ToolResult("nothing")})
    async with Harness([judge], script=[status(200, calling("ls"))], strict=False) as proxy:
        code, body = await ask(proxy, stream=False)

    assert (code, json.loads(body)["error"]["code"]) == (403, "tool_call_denied")


@pytest.mark.abuse("I15")
@pytest.mark.parametrize(
    "answer",
    [
        status(200, calling(status="queued")),
        status(200, {"id": "resp_1"}),
        status(200, [calling("rm")]),
        raw(b'{"output": [', content_type="application/json"),
        raw(b'{"output": [], "x": "' + b"x" * MOST_BYTES + b'"}', content_type="application/json"),
        raw(gzip.compress(b'{"output": []}'), content_type="application/json").with_headers(content_encoding="gzip"),
        raw(b'{"output": []}', content_type="text/plain"),
    ],
    ids=["background", "no output", "a list", "broken", "too large", "packed", "no JSON"],
)
async def test_an_answer_in_which_calls_cannot_be_found_is_refused_when_a_plugin_must_see_it(answer: Answer) -> None:
    async with Harness([Deny()], script=[answer], strict=False) as proxy:
        code, body = await ask(proxy, stream=False)

    assert code == 502
    assert b"'Deny' must see the model's answer" in body


@pytest.mark.parametrize("size", [20, MOST_BYTES + 7])
async def test_it_passes_whole_with_a_line_in_the_log_when_no_plugin_must_see_it(size: int) -> None:
    body = b'{"x": "' + b"x" * size + b'"}'
    async with Harness([Open()], script=[raw(body, content_type="application/json")], strict=False) as proxy:
        answered = await ask(proxy, stream=False)

    assert answered == (200, body)
    assert proxy.log.events("stream_not_readable")


@pytest.mark.abuse("I15")
async def test_an_answer_to_what_calls_itself_a_compaction_is_judged_like_any_other() -> None:
    async with Harness([Deny()], script=[status(200, ANSWER)], strict=False) as proxy:
        request = proxy.codex.say("hello")
        turn, compaction = b'"request_kind":"turn"', b'"request_kind":"compaction"'
        headers = [(name, value.replace(turn, compaction)) for name, value in request.headers]
        body = json.dumps({**request.json, "stream": False}).encode()
        clear = [(name, value) for name, value in headers if name.lower() != b"content-encoding"]
        reply = await proxy.request("POST", request.path, clear, body)

    assert headers != request.headers
    assert reply.status == 403


async def test_a_conversation_that_codex_had_compacted_passes_as_it_came() -> None:
    async with Harness([Watching({})]) as proxy:
        reply = await proxy.request("POST", "/v1/responses/compact", body=b'{"model": "gpt-5", "input": []}')

    assert (reply.status, json.loads(reply.body)["object"]) == (200, "response.compaction")


@pytest.mark.abuse("I15")
async def test_who_must_see_events_must_have_a_stream() -> None:
    async with Harness([Watching({})], script=[status(200, calling("ls"))], strict=False) as proxy:
        code, body = await ask(proxy, stream=False)

    assert (code, json.loads(body)["error"]["code"]) == (502, "stream_not_readable")


@pytest.mark.abuse("I15")
async def test_the_upstream_is_not_offered_a_coding_that_plugins_cannot_read() -> None:
    async with Harness([Deny()], script=[shell("ls")]) as proxy:
        await ask(proxy)

    assert proxy.upstream.turns[0].header("accept-encoding") is None


@pytest.mark.abuse("I15")
async def test_a_compressed_stream_is_refused_when_a_plugin_must_see_it() -> None:
    packed = raw(gzip.compress(b'data: {"type":"response.created"}\n\n')).with_headers(content_encoding="gzip")

    async with Harness([Deny()], script=[packed]) as proxy:
        code, body = await ask(proxy)

    assert code == 502
    assert b"no plain event stream" in body


@pytest.mark.wire("W3")
async def test_an_answer_that_is_no_stream_has_no_place_on_a_websocket_and_is_a_bad_gateway_there() -> None:
    upstream = StrictUpstream([status(200, ANSWER)], websocket=426)
    async with Harness([Open()], upstream=upstream, transport="websocket", websockets="bridge") as proxy:
        reply = await proxy.say("hello")

    assert (reply.status, reply.events) == (502, ["error"])


@pytest.mark.transports("http", "websocket")
async def test_a_tool_whose_name_the_client_uses_itself_is_left_out() -> None:
    class Shadow:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.add_tool("exec_command", "Mine.", {"type": "object", "properties": {}})

    async with Harness([Shadow()], codex="0.120.0", script=[shell("ls")]) as proxy:
        reply = await proxy.say("hello")

    assert [call["name"] for call in reply.seen.calls] == ["exec_command"]
    assert proxy.log.events("tool_name_taken") == [{"tool": "exec_command"}]
