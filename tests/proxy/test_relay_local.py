"""Answers and refusals that never come from the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from proxy.made_plugin import VERSIONS, plugin, sent
from proxy.sockets import Talker, dial

from codexplus_core import Exchange, LocalReply, Refusal
from codexplus_core.testing import Harness

pytestmark = pytest.mark.transports("http", "websocket")


@pytest.mark.wire("W9")
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
@pytest.mark.transports("http")
async def test_clients_that_are_not_codex_are_refused_with_a_status_and_json(stream: bool | None) -> None:
    body: dict[str, Any] = {"model": "m", "input": "please no"}
    if stream is not None:
        body["stream"] = stream
    async with Harness([plugin(on_request=lambda exchange: _refuse(exchange))]) as proxy:
        headers = [(b"content-type", b"application/json")]
        reply = await proxy.request("POST", "/v1/responses", headers, json.dumps(body).encode())

    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["message"]) == (403, "refused", "this workspace says no")


@pytest.mark.wire("W3")
@pytest.mark.parametrize("stream", [True, False, None])
@pytest.mark.transports("websocket")
async def test_on_a_websocket_clients_that_are_not_codex_are_refused_with_an_error(stream: bool | None) -> None:
    async with Harness([plugin(on_request=lambda exchange: _refuse(exchange))]) as proxy:
        talker = await stranger(proxy)
        (error,) = await talker.ask(words("please no", stream))
        answer = await talker.ask(words("please yes", stream))
        talker.frames.close()

    assert (error["type"], error["status"], error["error"]["code"]) == ("error", 403, "refused")
    assert error["error"]["message"] == "this workspace says no"
    assert answer[-1]["type"] == "response.completed"


@pytest.mark.wire("W3", "W9")
@pytest.mark.parametrize("stream", [True, False, None])
@pytest.mark.transports("websocket")
async def test_on_a_websocket_every_client_gets_a_local_reply_as_events(stream: bool | None) -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "po"
        yield "ng"

    async with Harness([plugin(on_request=lambda: LocalReply(pieces()))]) as proxy:
        talker = await stranger(proxy)
        answer = await talker.ask(words("hello", stream))
        talker.frames.close()

    deltas = [event["delta"] for event in answer if event["type"] == "response.output_text.delta"]
    assert (deltas, answer[-1]["type"]) == (["po", "ng"], "response.completed")


@pytest.mark.transports("websocket")
async def test_on_a_websocket_a_prompt_given_as_words_can_be_read_and_rewritten() -> None:
    def on_request(exchange: Exchange) -> None:
        assert exchange.prompt == "hello"
        exchange.prompt = "rewritten"

    async with Harness([plugin(on_request=on_request)]) as proxy:
        talker = await stranger(proxy)
        await talker.ask({**words("", None), "input": "hello"})
        talker.frames.close()

        assert proxy.upstream.turns[0].body["input"][0]["content"][0]["text"] == "rewritten"


async def stranger(proxy: Harness) -> Talker:
    """A connection of a client that is not Codex."""
    own = {b"originator", b"user-agent"}
    return await dial(proxy, without=own)


def words(prompt: str, stream: bool | None) -> dict[str, Any]:
    items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": prompt}]}]
    said = {"type": "response.create", "model": "m", "input": items, "instructions": "x", "tools": []}
    return said if stream is None else {**said, "stream": stream}


@pytest.mark.parametrize("stream", [False, None])
@pytest.mark.transports("http")
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


@pytest.mark.transports("http")
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


@pytest.mark.transports("http")
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
