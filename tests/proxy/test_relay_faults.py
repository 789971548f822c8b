"""A plugin's fault is its own, unless it says that it must not be skipped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from proxy.made_plugin import DONE, plugin, sent

from codexplus_core import Exchange, LocalReply, Outcome, Refusal, hookimpl
from codexplus_core.proxy import http
from codexplus_core.proxy.decode import BadBody
from codexplus_core.proxy.transport import UpstreamCut, UpstreamError
from codexplus_core.testing import Harness, StrictUpstream, shell, text

pytestmark = pytest.mark.transports("http", "websocket")


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


@pytest.mark.abuse("I15")
@pytest.mark.transports("http")
async def test_an_answer_to_another_path_that_breaks_off_is_an_error_with_words() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "half of "
        raise RuntimeError("boom")

    closed = plugin(FAIL_CLOSED=True, on_request=lambda: LocalReply(pieces()))
    async with Harness([closed]) as proxy:
        reply = await proxy.request("GET", "/v1/models")

        assert (reply.status, reply.ended) == (500, True)
        assert "failed before its answer was complete" in json.loads(reply.body)["error"]["message"]


def failing_upstream(error: Exception) -> StrictUpstream:
    upstream = StrictUpstream()

    async def fail(_: Any) -> Any:
        raise error

    upstream.open = fail  # type: ignore[method-assign, assignment]
    return upstream


@pytest.mark.req("P11")
@pytest.mark.parametrize(
    ("decide", "upstream", "status", "answered_by", "error"),
    [
        (lambda: LocalReply("words"), None, 200, "local", None),
        (lambda: Refusal("no", status=451), None, 451, "refused", None),
        (lambda: None, failing_upstream(UpstreamError("connect", "no")), 502, "upstream", "connect"),
        (lambda: None, failing_upstream(UpstreamError("timeout", "no")), 504, "upstream", "timeout"),
        (lambda: None, failing_upstream(UpstreamCut("no")), 0, "upstream", "cut"),
    ],
)
@pytest.mark.transports("http")
async def test_plugins_are_told_how_another_path_ended(
    decide: Any, upstream: StrictUpstream | None, status: int, answered_by: str, error: str | None
) -> None:
    ends: list[tuple[Exchange, Outcome]] = []
    observer = plugin(on_request=decide, on_exchange_end=lambda exchange, outcome: ends.append((exchange, outcome)))
    async with Harness([observer], upstream=upstream) as proxy:
        reply = await proxy.request("POST", "/v1/files", [(b"content-type", b"application/json")], b'{"a":1}')

        ((exchange, outcome),) = ends
        assert (exchange.kind, exchange.path, exchange.body) == ("other", "/files", {"a": 1})
        assert (outcome.status, outcome.answered_by, outcome.error) == (status, answered_by, error)
        assert (outcome.bytes_in, outcome.bytes_out) == (7, len(reply.body))
        assert outcome.rounds == 0


@pytest.mark.req("P11")
@pytest.mark.transports("http")
async def test_who_only_wants_to_know_the_end_is_told_of_other_paths_too() -> None:
    ends: list[str] = []
    async with Harness([plugin(on_exchange_end=lambda exchange: ends.append(exchange.path))]) as proxy:
        reply = await proxy.request("GET", "/v1/models?client_version=1")

        assert (ends, reply.ended) == (["/models"], True)


@pytest.mark.transports("http")
async def test_a_body_that_does_not_begin_has_no_longer_than_one_that_does_not_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "BODY_S", 0.0)

    class Client:
        def whole_body(self) -> bytes | None:
            return None

        async def gather_body(self) -> bytes | None:
            await asyncio.Event().wait()
            return None

    for client in (None, Client()):
        async with asyncio.timeout(20):
            with pytest.raises(BadBody) as raised:
                await http.read_body(asyncio.Event().wait, {}, client)  # type: ignore[arg-type]

        assert raised.value.status == 408


@pytest.mark.parametrize(
    "body", [b'{"model":"m","input":[],"model":"n"}', b"[" * 100_000, b'{"input":' + b"[" * 100_000 + b"]" * 100_000]
)
@pytest.mark.transports("http")
async def test_a_body_that_cannot_be_read_in_one_way_is_a_bad_request(body: bytes) -> None:
    async with Harness([plugin(on_request=lambda: None)]) as proxy:
        reply = await proxy.request("POST", "/v1/responses", [(b"content-type", b"application/json")], body)

        assert reply.status == 400
        assert json.loads(reply.body)["error"]["code"] == "malformed_body"
        assert not proxy.log.events("relay_failed")


@pytest.mark.parametrize("edit", ["prompt", "model", "context", "attach"])
@pytest.mark.parametrize("value", [7, "half a character: \ud83d"], ids=["a number", "a lone surrogate"])
async def test_an_edit_that_no_request_can_carry_is_the_plugins_fault_and_undone(edit: str, value: Any) -> None:
    class Odd:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            if edit == "context":
                exchange.add_context(value)
            elif edit == "attach":
                exchange.attach(value)
            else:
                setattr(exchange, edit, value)

    async with Harness({"odd": Odd()}, script=[text("fine")]) as proxy:
        reply = await proxy.say("hello")

    assert reply.text == "fine"
    assert [entry["plugin"] for entry in proxy.log.events("plugin_answered_wrongly")] == ["odd"]


async def test_a_refusal_that_cannot_be_sent_is_the_plugins_fault() -> None:
    class Odd:
        @hookimpl
        def on_request(self) -> Refusal:
            return Refusal("\udc00")

    async with Harness({"odd": Odd()}, script=[text("fine")]) as proxy:
        reply = await proxy.say("hello")

    assert reply.text == "fine"
