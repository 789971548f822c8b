"""Clients that speak HTTP in front of an upstream that takes WebSockets only."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zstandard

from codexplus_core.proxy.target import Targets
from codexplus_core.proxy.transport import Answer, UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream_bridge import SocketUpstream
from codexplus_core.testing import Harness, StrictUpstream, status, text

URL = "http://upstream.test/v1/responses"
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def request(stream: bool = True, **more: Any) -> UpstreamRequest:
    body = {
        "model": "m", "instructions": "be brief", "input": [ITEM], "tools": [], "tool_choice": "auto",
        "parallel_tool_calls": False, "store": False, "stream": stream, "include": [], **more,
    }  # fmt: skip
    return UpstreamRequest("POST", URL, [(b"authorization", b"Bearer k")], json.dumps(body).encode())


async def whole(answer: Answer) -> bytes:
    found = b""
    while data := await answer.read():
        found += data
    return found


@pytest.mark.req("P4")
@pytest.mark.wire("W3")
@pytest.mark.parametrize("codex", ["0.29.0", "0.98.0", "0.169.0"])
async def test_a_codex_without_websockets_talks_to_an_upstream_that_takes_nothing_else(codex: str) -> None:
    upstream = StrictUpstream([text("one"), text("two")])
    async with Harness(upstream=SocketUpstream(upstream), codex=codex, strict=False) as proxy:
        answers = [(await proxy.say(words)).text for words in ("first", "second")]

    assert answers == ["one", "two"]
    assert [got.method for got in upstream.requests] == ["WEBSOCKET", "WEBSOCKET"]
    assert upstream.illegal == []


async def test_the_answers_messages_come_as_server_sent_events() -> None:
    upstream = SocketUpstream(StrictUpstream([text("hello")]))

    answer = await upstream.open(request())
    data = await whole(answer)

    assert (answer.status, dict(answer.headers)[b"content-type"]) == (200, b"text/event-stream")
    assert data.startswith(b"event: response.created\ndata: {")
    assert data.rstrip().rpartition(b"\n\n")[2].startswith(b"event: response.completed\n")


async def test_without_a_stream_the_finished_response_is_the_body() -> None:
    upstream = SocketUpstream(StrictUpstream([text("hello")]))

    answer = await upstream.open(request(stream=False))

    found = json.loads(await whole(answer))
    assert found["status"] == "completed"
    assert found["output"][0]["content"][0]["text"] == "hello"


async def test_an_error_is_a_status_with_its_body_and_its_headers() -> None:
    told = {"error": {"message": "slow down", "type": "rate_limit"}}
    upstream = SocketUpstream(StrictUpstream([status(429, told, {"retry-after": "3"})]))

    answer = await upstream.open(request())

    assert answer.status == 429
    assert json.loads(await whole(answer)) == told


async def test_a_compressed_body_goes_up_in_clear() -> None:
    scripted = StrictUpstream([text("hello")])
    plain = request()
    packed = UpstreamRequest(
        "POST", URL, [(b"content-encoding", b"zstd")], zstandard.ZstdCompressor().compress(plain.body or b"")
    )

    await whole(await SocketUpstream(scripted).open(packed))

    assert scripted.requests[0].body["input"] == [ITEM]


@pytest.mark.wire("W7")
async def test_a_cut_stays_a_cut() -> None:
    upstream = SocketUpstream(StrictUpstream([text("this breaks off").cut(4, "reset")]))

    with pytest.raises((UpstreamCut, UpstreamError)):
        await whole(await upstream.open(request()))


async def test_a_refused_handshake_is_the_answer() -> None:
    upstream = SocketUpstream(StrictUpstream(websocket=status(401, {"error": {"message": "who are you"}})))

    answer = await upstream.open(request())

    assert answer.status == 401


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]"])
async def test_what_is_no_json_cannot_go_up(body: bytes) -> None:
    with pytest.raises(UpstreamError, match="only a JSON body"):
        await SocketUpstream(StrictUpstream()).open(UpstreamRequest("POST", URL, [], body))


async def test_other_paths_go_up_over_http() -> None:
    scripted = StrictUpstream(paths={"/models": status(200, {"models": []})})

    answer = await SocketUpstream(scripted).open(UpstreamRequest("GET", "http://upstream.test/v1/models", []))

    assert (answer.status, [got.method for got in scripted.requests]) == (200, ["GET"])


@pytest.mark.parametrize(
    ("url", "only", "base"),
    [
        ("ws://h/v1", True, "http://h/v1"),
        ("wss://h/v1", True, "https://h/v1"),
        ("https://h/v1", False, "https://h/v1"),
    ],
)
def test_the_scheme_says_that_an_upstream_takes_websockets_only(url: str, only: bool, base: str) -> None:
    targets = Targets(override=url)

    assert targets.websocket_only is only
    assert targets.url(b"/v1/models", b"", chatgpt=False) == f"{base}/models"
