"""Answers that plugins cannot see into."""

from __future__ import annotations

import gzip
import json

import pytest

from codexplus_core import Exchange, Refusal, hookimpl
from codexplus_core.testing import Harness, StrictUpstream, raw, shell, status


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


ANSWER = {"id": "resp_1", "output": [{"type": "function_call", "call_id": "c", "name": "rm", "arguments": "{}"}]}


async def ask(proxy: Harness, **changes: object) -> tuple[int, bytes]:
    request = proxy.codex.say("hello")
    body = json.dumps({**request.json, **changes}).encode()
    headers = [(name, value) for name, value in request.headers if name.lower() != b"content-encoding"]
    reply = await proxy.request("POST", request.path, [*headers, (b"accept-encoding", b"gzip")], body)
    return reply.status, reply.body


@pytest.mark.abuse("I15")
async def test_an_answer_without_a_stream_is_refused_when_a_plugin_must_see_it() -> None:
    async with Harness([Deny()], script=[status(200, ANSWER)], strict=False) as proxy:
        code, body = await ask(proxy, stream=False)

    assert code == 502
    assert b"'Deny' must see the model's answer" in body
    assert b'"rm"' not in body
    assert b"plus" not in proxy.upstream.turns[0].decoded


async def test_an_answer_without_a_stream_passes_with_a_line_in_the_log_when_no_plugin_must_see_it() -> None:
    async with Harness([Open()], script=[status(200, ANSWER)], strict=False) as proxy:
        code, body = await ask(proxy, stream=False)

    assert (code, json.loads(body)) == (200, ANSWER)
    assert proxy.log.events("stream_not_readable")


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
