"""The Responses WebSocket: what passes through the proxy, unread or read along."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from proxy.made_plugin import plugin
from proxy.sockets import compact, dial, without_deflate

from codexplus_core import Exchange
from codexplus_core.proxy import frames
from codexplus_core.testing import CodexClient, Harness, StrictUpstream, failed, stall, status, text

EVENTS = [
    b'{ "type" : "response.created", "response" : {"id":"r"} }',
    '{"type":"response.output_text.delta","delta":"größer 🙂 \\u00e9","n":1.0}'.encode(),
    b'{"type":"codex.rate_limits","plan_type":"pro"}',
    b'{"no":"type"}',
    b"no JSON at all",
    b'{"type":"response.completed","response":{"id":"r", "usage":null}}',
]


def looks() -> object:
    """A plugin that looks at everything and changes nothing."""
    return plugin(on_request=lambda exchange: None, on_chunk=lambda event: None, on_turn_end=lambda exchange: None)


@pytest.fixture(params=["unread", "read along"])
def plugins(request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """No plugin, so that the connection is a tunnel, or one that looks."""
    yield [] if request.param == "unread" else [looks()]


@pytest.mark.req("P5")
@pytest.mark.wire("W1", "W3")
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("down", [True, False])
async def test_a_message_goes_up_in_the_clients_own_bytes(plugins: list[object], up: bool, down: bool) -> None:
    async with Harness(plugins, upstream=StrictUpstream(deflate=up)) as proxy:
        talker = await dial(proxy, deflate=down)
        said = json.dumps(talker.create(), indent=1).encode()
        await talker.ask(said)
        talker.frames.close()

    assert [got.raw for got in proxy.upstream.requests] == [said]


@pytest.mark.req("P5")
@pytest.mark.wire("W2", "W3", "W19")
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("fragment", [0, 1, 7])
async def test_a_message_comes_down_in_the_upstreams_own_bytes(
    plugins: list[object], up: bool, down: bool, fragment: int
) -> None:
    upstream = StrictUpstream(deflate=up)
    async with Harness(plugins, upstream=upstream) as proxy:
        talker = await dial(proxy, deflate=down)
        (connection,) = upstream.connections
        upstream.script = [stall("here", 0)]
        talker.send(talker.create())
        await upstream.standing_at("here")
        for message in EVENTS:
            connection.send(message, fragment or None)
        got = [await talker.frames.receive() for _ in EVENTS]
        talker.frames.close()

    assert got == EVENTS


@pytest.mark.parametrize("deflate", [True, False])
async def test_reading_along_each_side_is_compressed_as_its_own_ends_agreed(deflate: bool) -> None:
    upstream = StrictUpstream(deflate=not deflate)
    async with Harness([looks()], upstream=upstream, transport="websocket") as proxy:
        if not deflate:
            without_deflate(proxy)
        assert (await proxy.say("hi")).text == "Hello from the script."

        assert proxy.socket_of(proxy.codex).frames.compressed is deflate
        assert upstream.connections[0].compressed is False, "not agreed to, or not offered"


@pytest.mark.wire("W2")
async def test_a_message_comes_down_before_the_next_one_is_made(plugins: list[object]) -> None:
    upstream = StrictUpstream([stall("half way", 3, text("one two three"))])
    async with Harness(plugins, upstream=upstream) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        got = [json.loads(await talker.frames.receive() or b"{}")["type"] for _ in range(3)]
        assert upstream.requests[0].answer[-1] == "gate:half way"
        upstream.release("half way")
        await talker.answer()
        talker.frames.close()

    assert got[0] == "response.created"


async def test_messages_of_other_types_pass_both_ways(plugins: list[object]) -> None:
    upstream = StrictUpstream()
    async with Harness(plugins, upstream=upstream, strict=False) as proxy:
        talker = await dial(proxy)
        own, theirs = json.dumps({**talker.create(), "type": "session.hint"}, indent=1), b'{"type": "session.note"}'
        answer = await talker.ask(own.encode())
        assert answer[0]["error"]["param"] == "type", "the upstream's own answer"
        upstream.connections[0].send(theirs)
        got = await talker.frames.receive()
        talker.frames.close()

    assert upstream.requests[0].raw == own.encode()
    assert got == theirs


async def test_what_the_upstream_says_behind_an_answer_comes_behind_it() -> None:
    upstream = StrictUpstream([stall("here", 0)])
    async with Harness([looks()], upstream=upstream) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        await upstream.standing_at("here")
        upstream.connections[0].send(EVENTS[-1])
        upstream.connections[0].send(b'{"type":"behind"}')
        got = [await talker.frames.receive(), await talker.frames.receive()]
        talker.frames.close()

    assert got == [EVENTS[-1], b'{"type":"behind"}']


@pytest.mark.wire("W8")
@pytest.mark.parametrize("code", [400, 401, 429, 503])
async def test_an_error_frame_comes_with_its_status_body_and_headers(plugins: list[object], code: int) -> None:
    told = {"error": {"message": "not now", "type": "some", "code": None, "resets_in_seconds": 7}}
    answer = status(code, told, {"Retry-After": "3", "x-codex-primary-used-percent": "100"})
    async with Harness(plugins, script=[answer, text("now")]) as proxy:
        talker = await dial(proxy)
        first = await talker.ask(talker.create())
        second = await talker.ask(talker.create())
        talker.frames.close()

    headers = {"retry-after": "3", "x-codex-primary-used-percent": "100"}
    assert first == [{"type": "error", "status": code, **told, "headers": headers}]
    assert second[-1]["type"] == "response.completed", "the connection goes on"


@pytest.mark.wire("W8")
async def test_a_failed_response_comes_as_it_is_and_the_connection_goes_on(plugins: list[object]) -> None:
    async with Harness(plugins, script=[failed("invalid_prompt", "no"), text("yes")]) as proxy:
        talker = await dial(proxy)
        first = await talker.ask(talker.create())
        second = await talker.ask(talker.create())
        talker.frames.close()

    assert first[-1]["response"]["error"] == {"code": "invalid_prompt", "message": "no"}
    assert second[-1]["type"] == "response.completed"


@pytest.mark.abuse("A17")
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"no JSON", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"", "not a JSON object"),
        (b'{"type":"response.create","input":[],"input":[]}', "twice"),
        (b'{"type":"response.create","input":[7]}', "no object"),
        (b'{"type":"response.create","input":7}', "neither"),
        (b'{"type":"response.create","input":' + b"[" * 100_000, "not a JSON object"),
        (b'{"type":"response.create","input":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "body"),
        (b'{"type":"\\ud800"}', "body"),
        (b'{"Type":"response.create","input":[]}', "no type"),
        (b'{"type":["response.create"],"input":[]}', "no type"),
    ],
)
async def test_what_cannot_be_read_is_answered_with_an_error_and_the_connection_goes_on(
    said: bytes, words: str
) -> None:
    async with Harness([looks()]) as proxy:
        talker = await dial(proxy)
        (refused,) = await talker.ask(said)
        answer = await talker.ask(talker.create())
        talker.frames.close()

    assert (refused["type"], refused["status"], refused["error"]["code"]) == ("error", 400, "malformed_body")
    assert words in refused["error"]["message"]
    assert answer[-1]["type"] == "response.completed"
    assert len(proxy.upstream.requests) == 1
    assert proxy.log.events("relay_failed") == []


async def test_a_binary_message_ends_the_connection_with_1003() -> None:
    async with Harness([looks()]) as proxy:
        talker = await dial(proxy)
        talker.frames.channel.write(b"\x82\x81\0\0\0\0x")
        assert (await talker.end() or (0,))[0] == 1003
        async with asyncio.timeout(60):
            await proxy.upstream.connections[0].over.wait()


@pytest.mark.abuse("A17")
async def test_a_message_that_is_too_large_ends_the_connection_with_1009(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MESSAGE_LIMIT", 10_000)
    async with Harness([looks()]) as proxy:
        talker = await dial(proxy)
        talker.send(compact({"type": "response.create", "input": "x" * 10_000}))
        assert (await talker.end() or (0,))[0] == 1009

    assert proxy.upstream.requests == []


async def test_pings_are_answered_on_both_sides_while_nobody_asks_and_within_an_answer(plugins: list[object]) -> None:
    upstream = StrictUpstream([stall("here", 2)])
    async with Harness(plugins, upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy)
        (connection,) = upstream.connections
        reading = asyncio.create_task(talker.answer())
        for name in (b"idle", b"within"):
            talker.frames.ping(b"up " + name)
            connection.ping(b"down " + name)
            while talker.frames.pongs[-1:] != [b"up " + name] or connection.pongs[-1:] != [b"down " + name]:
                await asyncio.sleep(0)
            if name == b"idle":
                talker.send(talker.create())
                await upstream.standing_at("here")
        upstream.release("here")
        await reading
        talker.frames.close()


@pytest.mark.req("P8")
async def test_threads_ask_at_once_on_connections_of_their_own(plugins: list[object]) -> None:
    upstream = StrictUpstream([stall("all", 1, text(str(at))) for at in range(3)])
    async with Harness(plugins, upstream=upstream, transport="websocket") as proxy, asyncio.timeout(60):
        clients = [CodexClient(seed=at) for at in range(3)]
        asked = [asyncio.create_task(proxy.send(codex.say("hi"), codex)) for codex in clients]
        while len(upstream.turns) < 3:
            await asyncio.sleep(0)
        upstream.release("all")
        answers = [await task for task in asked]

    assert sorted(answer.text for answer in answers) == ["0", "1", "2"]
    assert len({id(got.connection) for got in upstream.turns}) == 3


async def test_requests_that_come_together_are_answered_one_after_the_other(plugins: list[object]) -> None:
    async with Harness(plugins, script=[text("one"), text("two")]) as proxy:
        talker = await dial(proxy)
        talker.send(talker.create())
        talker.send(talker.create())
        answers = [await talker.answer(), await talker.answer()]
        talker.frames.close()

    words = [event["text"] for answer in answers for event in answer if event["type"] == "response.output_text.done"]
    assert words == ["one", "two"]


async def test_a_plugin_sees_that_a_request_came_over_a_websocket() -> None:
    seen: list[tuple[str, str, str | None]] = []

    def on_request(exchange: Exchange) -> None:
        seen.append((exchange.transport, exchange.turn.origin, exchange.prompt))

    async with Harness([plugin(on_request=on_request)], transport="websocket") as proxy:
        await proxy.say("hello")

    assert seen == [("websocket", "user", "hello")], "and none was asked about the warm-up"
