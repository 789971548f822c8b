"""WebSocket towards Codex although the upstream takes none: the conversation goes up over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from proxy.made_plugin import PLUS, plugin, sent
from proxy.sockets import compact, dial, refusal

from codexplus_core import LocalReply, Refusal, ToolResult
from codexplus_core.proxy.transport import UpstreamError
from codexplus_core.testing import CodexClient, Harness, Reply, StrictUpstream, call, cut, failed, stall, status, text

pytestmark = pytest.mark.wire("W3")


def bridged(plugins: list[object], *script: Any, **options: Any) -> Harness:
    """A proxy that bridges to an upstream which refuses WebSockets."""
    upstream = StrictUpstream(script, websocket=426)
    return Harness(plugins, upstream=upstream, transport="websocket", websockets="bridge", **options)


@pytest.fixture(params=["without plugin", "with plugin"])
def plugins(request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """No plugin, or one that looks."""
    yield [] if request.param == "without plugin" else [plugin(on_request=lambda exchange: None)]


@pytest.mark.parametrize("codex", ["0.120.0", "0.169.0"])
async def test_requests_go_up_over_http_with_the_whole_conversation(plugins: list[object], codex: str) -> None:
    async with bridged(plugins, text("one"), text("two"), codex=codex) as proxy:
        answers = [(await proxy.say(words)).text for words in ("first", "second")]
        messages = proxy.socket_of(proxy.codex).sent

    assert answers == ["one", "two"]
    assert [got.method for got in proxy.upstream.requests] == ["POST", "POST"], "the warm-up is answered here"
    assert messages[0]["generate"] is False
    assert messages[-1]["previous_response_id"] in proxy.upstream.chains, "while Codex sends what is new alone"
    assert len(messages[-1]["input"]) == 1
    for word in ("first", "one", "second"):
        assert word in sent(proxy.upstream)


async def test_the_request_is_the_one_that_codex_would_have_posted(plugins: list[object]) -> None:
    over_http = Harness(plugins, websockets="off")
    async with over_http as other:
        await other.say("hello")
    async with bridged(plugins) as proxy:
        await proxy.say("hello")

    (posted,), (got,) = other.upstream.requests, proxy.upstream.requests
    assert {**got.body, "client_metadata": None} == {**posted.body, "client_metadata": None}
    assert got.path == posted.path
    own = {name.lower(): value for name, value in got.headers}
    theirs = {name.lower(): value for name, value in posted.headers if name.lower() != "content-encoding"}
    assert {name: own.get(name) for name in theirs} == theirs
    assert not any(name.startswith(("sec-websocket", "upgrade", "connection", "openai-beta")) for name in own)


@pytest.mark.wire("W8")
@pytest.mark.parametrize("code", [400, 401, 429, 503])
async def test_an_answer_with_a_status_is_an_error_frame_with_its_headers(plugins: list[object], code: int) -> None:
    told = {"error": {"message": "not now", "type": "some", "code": None}}
    answer = status(code, told, {"Retry-After": "3", "x-codex-primary-used-percent": "100", "x-other": "1"})
    async with bridged(plugins, answer, text("now")) as proxy:
        talker = await dial(proxy)
        first = await talker.ask(talker.create())
        second = await talker.ask(talker.create())
        talker.frames.close()

    headers = {"retry-after": "3", "x-codex-primary-used-percent": "100"}
    assert first == [{"type": "error", "status": code, **told, "headers": headers}]
    assert second[-1]["type"] == "response.completed", "the connection goes on"


@pytest.mark.wire("W7")
async def test_an_answer_that_breaks_off_is_a_cut_and_codex_asks_again_with_everything(plugins: list[object]) -> None:
    async with bridged(plugins, text("one"), cut(3), text("two")) as proxy:
        await proxy.say("first")
        broken = await proxy.say("second")
        assert not broken.ended
        assert (await proxy.retry()).text == "two"

    assert "first" in sent(proxy.upstream)


async def test_a_failed_response_is_one(plugins: list[object]) -> None:
    async with bridged(plugins, failed("invalid_prompt", "no")) as proxy:
        assert (await proxy.say("first")).error == "no"


@pytest.mark.parametrize("kind", ["connect", "timeout"])
async def test_an_upstream_that_goes_away_later_is_an_error_frame(plugins: list[object], kind: str) -> None:
    async with bridged(plugins, text("one")) as proxy:
        talker = await dial(proxy)
        proxy.upstream.unreachable = UpstreamError(kind, "nobody is there")
        (refused,) = await talker.ask(talker.create())
        proxy.upstream.unreachable = None
        answer = await talker.ask(talker.create())
        talker.frames.close()

    assert (refused["status"], refused["error"]["code"]) == (504 if kind == "timeout" else 502, f"upstream_{kind}")
    assert answer[-1]["type"] == "response.completed"


@pytest.mark.wire("W9", "W11", "W12")
async def test_the_two_views_of_a_conversation_stay_apart_as_over_any_transport() -> None:
    def on_request(exchange: Any) -> LocalReply | Refusal | None:
        exchange.add_tool(*PLUS)
        if exchange.prompt == "/up":
            exchange.prompt = "REWRITTEN"
        return LocalReply("here") if exchange.prompt == "/ping" else None

    def on_tool_use(call: Any) -> ToolResult:
        return ToolResult("4")

    answers = plugin(on_request=on_request, on_tool_use=on_tool_use)
    async with bridged([answers], call("plus", {}), text("four"), text("done")) as proxy:
        replies: list[Reply] = [await proxy.say(words) for words in ("/up", "/ping", "more")]

    assert [reply.text for reply in replies] == ["four", "here", "done"]
    told = sent(proxy.upstream)
    assert "/up" not in told and "/ping" not in told
    for word in ("REWRITTEN", "plus", '"4"', "four", "more"):
        assert word in told


async def test_an_unknown_response_is_refused_here(plugins: list[object]) -> None:
    async with bridged(plugins) as proxy:
        talker = await dial(proxy)
        (unknown,) = await talker.ask(talker.create([], "resp_of_another_connection"))
        talker.frames.close()

    assert (unknown["status"], unknown["error"]["code"]) == (400, "previous_response_not_found")
    assert proxy.upstream.requests == []


@pytest.mark.wire("W6")
async def test_a_client_that_leaves_within_an_answer_ends_the_upstreams_request(plugins: list[object]) -> None:
    upstream = StrictUpstream([stall("never", 3)], websocket=426)
    async with Harness(plugins, upstream=upstream, websockets="bridge") as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        talker.send(talker.create())
        await upstream.standing_at("never")
        talker.frames.channel.close()
        while not upstream.requests[0].aborted:
            await asyncio.sleep(0)


async def test_an_upstream_that_takes_websockets_is_given_one(plugins: list[object]) -> None:
    async with Harness(plugins, transport="websocket", websockets="bridge") as proxy:
        await proxy.say("hi")

    assert [got.method for got in proxy.upstream.requests] == ["WEBSOCKET", "WEBSOCKET"]


@pytest.mark.wire("W8")
async def test_an_upstream_in_trouble_is_not_bridged_over(plugins: list[object]) -> None:
    async with Harness(plugins, upstream=StrictUpstream(websocket=503), websockets="bridge") as proxy:
        assert (await refusal(proxy)).status == 503


async def test_draining_closes_an_idle_conversation(plugins: list[object]) -> None:
    async with bridged(plugins) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        await talker.ask(talker.create())

        assert await proxy.app.drain(5)
        assert await talker.end() == (1001, "the proxy is stopping")


@pytest.mark.abuse("A28")
async def test_what_a_message_notes_becomes_no_header_of_the_connection_or_the_login(plugins: list[object]) -> None:
    notes = {
        "authorization": "Bearer other",
        "chatgpt-account-id": "other",
        "x-codexplus-token": "t",
        "ws_request_header_x_forwarded_for": "1.2.3.4",
        "ws_request_header_transfer_encoding": "chunked",
        "ws_request_header_host": "evil.example",
        "ws_request_header_x_codex_a\r\nx-evil": "1",
        "ws_request_header_x_codex_evil": "1\r\nx-evil: 1",
    }
    codex = CodexClient()
    async with bridged(plugins) as proxy:
        talker = await dial(proxy, codex=codex)
        first = await talker.ask(talker.create())
        asked = talker.create()
        again = await talker.ask(compact({**asked, "client_metadata": {**asked["client_metadata"], **notes}}))
        talker.frames.close()

    assert first[-1]["type"] == again[-1]["type"] == "response.completed"
    plain, noted = proxy.upstream.requests
    assert noted.headers == plain.headers


async def test_a_message_that_http_has_no_request_for_is_told_so(plugins: list[object]) -> None:
    async with bridged(plugins) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        (refused,) = await talker.ask({"type": "response.cancel"})
        answer = await talker.ask(talker.create())
        talker.frames.close()

    assert refused["status"] == 400
    assert "response.cancel" in json.dumps(refused["error"])
    assert answer[-1]["type"] == "response.completed"
