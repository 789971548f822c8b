"""Clients that speak HTTP in front of an upstream that takes WebSockets only."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
import zstandard

from codexplus_core import hookimpl
from codexplus_core.proxy.target import Targets
from codexplus_core.proxy.transport import Answer, UpstreamCut, UpstreamError, UpstreamRequest
from codexplus_core.proxy.upstream_bridge import SocketUpstream
from codexplus_core.testing import Harness, StrictUpstream, stall, status, text

URL = "http://upstream.test/v1/responses"
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def request(stream: bool = True, **more: Any) -> UpstreamRequest:
    body = {
        "model": "m", "instructions": "be brief", "input": [ITEM], "tools": [], "tool_choice": "auto",
        "parallel_tool_calls": False, "store": False, "stream": stream, "include": [], **more,
    }  # fmt: skip
    return UpstreamRequest("POST", URL, [(b"authorization", b"Bearer k")], json.dumps(body).encode())


class Watching:
    """A plugin because of which every request is read."""

    @hookimpl
    def on_request(self) -> None: ...


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
    async with Harness(upstream=cast(Any, SocketUpstream(upstream)), codex=codex, strict=False) as proxy:
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


@pytest.mark.parametrize("code", [400, 401, 403, 429, 500, 503])
async def test_a_refusal_of_the_request_is_the_answer(code: int) -> None:
    told = {"error": {"message": "who are you"}}
    upstream = SocketUpstream(StrictUpstream(websocket=status(code, told)))

    answer = await upstream.open(request())

    assert (answer.status, json.loads(await whole(answer))) == (code, told)


@pytest.mark.parametrize("code", [200, 302, 404, 405, 426, 501, 505])
async def test_a_refusal_of_the_websocket_says_how_to_give_the_upstream(code: int) -> None:
    upstream = SocketUpstream(StrictUpstream(websocket=status(code, "")))

    with pytest.raises(UpstreamError) as refused:
        await upstream.open(request())

    assert refused.value.kind == "protocol"
    assert str(refused.value) == (
        f"the upstream ws://upstream.test/v1 takes no WebSocket (status {code}); give it as http://upstream.test/v1"
    )


@pytest.mark.parametrize("plugins", [[], [Watching()]], ids=["untouched", "read"])
async def test_an_upstream_without_websockets_is_a_502_in_words_and_one_log_line(plugins: list[object]) -> None:
    upstream = cast(Any, SocketUpstream(StrictUpstream(websocket=426)))
    async with Harness(plugins, upstream=upstream, codex="0.98.0", strict=False) as proxy:
        answer = await proxy.say("hello")

        assert answer.status == 502
        assert "takes no WebSocket (status 426)" in json.loads(answer.body)["error"]["message"]
        assert [line["kind"] for line in proxy.log.events("upstream_unreachable")] == ["protocol"]


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]"])
async def test_what_is_no_json_cannot_go_up(body: bytes) -> None:
    with pytest.raises(UpstreamError, match="only a JSON body"):
        await SocketUpstream(StrictUpstream()).open(UpstreamRequest("POST", URL, [], body))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "responses_websockets=2026-02-06"),
        (b"responses=experimental", "responses=experimental, responses_websockets=2026-02-06"),
        (b"responses_websockets=2027-01-01", "responses_websockets=2027-01-01"),
    ],
)
async def test_the_handshake_asks_for_the_websocket_beside_what_the_client_asks_for(
    given: bytes | None, told: str
) -> None:
    scripted = StrictUpstream()
    asked = request()
    lines = [(b"OpenAI-Beta", given)] if given else []

    await whole(await SocketUpstream(scripted).open(UpstreamRequest("POST", URL, [*asked.headers, *lines], asked.body)))

    assert [value for name, value in scripted.handshakes[0].headers if name.lower() == "openai-beta"] == [told]
    assert scripted.handshakes[0].header("content-type") is None


async def test_words_alone_go_up_as_a_users_message() -> None:
    scripted = StrictUpstream()

    await whole(await SocketUpstream(scripted).open(request(input="hi")))

    assert scripted.requests[0].body["input"] == [ITEM]


@pytest.mark.parametrize("value", [7, {}, True])
async def test_an_input_that_is_neither_items_nor_words_does_not_go_up(value: Any) -> None:
    scripted = StrictUpstream()

    with pytest.raises(UpstreamError, match="input"):
        await SocketUpstream(scripted).open(request(input=value))

    assert scripted.requests == []


async def test_which_response_to_go_on_from_is_the_upstreams_to_judge() -> None:
    scripted = StrictUpstream()

    answer = await SocketUpstream(scripted).open(request(previous_response_id="resp_1"))

    assert scripted.requests[0].body["previous_response_id"] == "resp_1"
    assert answer.status == 400
    assert json.loads(await whole(answer))["error"]["code"] == "previous_response_not_found"


@pytest.mark.wire("W7")
@pytest.mark.parametrize("stream", [True, False])
async def test_an_upstream_that_leaves_before_it_answers_is_no_answer(stream: bool) -> None:
    upstream = SocketUpstream(StrictUpstream([text("never").cut(0, "reset")]))

    with pytest.raises(UpstreamError):
        await upstream.open(request(stream=stream))


@pytest.mark.wire("W7")
async def test_a_whole_answer_that_breaks_off_is_none() -> None:
    upstream = SocketUpstream(StrictUpstream([text("this breaks off").cut(4, "reset")]))

    with pytest.raises(UpstreamError):
        await upstream.open(request(stream=False))


@pytest.mark.wire("W6")
async def test_an_answer_that_is_dropped_ends_its_connection() -> None:
    scripted = StrictUpstream([stall("never", 3)])
    answer = await SocketUpstream(scripted).open(request())

    answer.close()

    async with asyncio.timeout(60):
        await scripted.connections[0].over.wait()
    assert scripted.requests[0].aborted


async def test_an_answer_that_was_read_to_its_end_closes_its_connection_well() -> None:
    scripted = StrictUpstream([text("hello")])

    await whole(await SocketUpstream(scripted).open(request()))

    async with asyncio.timeout(60):
        await scripted.connections[0].over.wait()
    assert scripted.connections[0].left == (1000, "")


async def test_a_reader_that_cannot_follow_is_waited_for() -> None:
    answer = await SocketUpstream(StrictUpstream([text("one two three four")])).open(request())
    got: list[bytes] = []

    def write(data: bytes) -> bool:
        got.append(data)
        asyncio.get_running_loop().call_soon(answer.resume)
        return False

    async with asyncio.timeout(60):
        await answer.pipe(write)

    assert b"".join(got).rstrip().rpartition(b"\n\n")[2].startswith(b"event: response.completed\n")


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
