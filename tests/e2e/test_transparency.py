"""Without a plugin nothing can be told from Codex without the proxy: bytes, headers, screens, exit codes."""

from __future__ import annotations

import asyncio
import difflib
import json
from typing import Any

import pytest
from e2e.codex import ALL, LOGGED_IN, NEW, Auth, Codex, Ran, Transport
from e2e.normal import normal
from e2e.wire import Message, Socket, Tap

from codexplus_core.proxy.target import Targets
from codexplus_core.testing import StrictUpstream, reasoning, shell, text

pytestmark = pytest.mark.e2e


def script() -> list[Any]:
    return [
        text("Hello, *you*."),
        reasoning() + shell("echo made > made.txt; echo well done"),
        text("All done.").with_headers(x_codex_turn_state="turn-state-1", openai_processing_ms="12"),
        text("Back again."),
    ]


async def a_days_work(codex: Codex) -> list[Ran]:
    """A plain turn, a turn with a tool call, and another turn in a resumed session."""
    runs = [await codex.exec("say hello"), await codex.exec("make it", json=True)]
    if codex.version != "0.29.0":
        runs.append(await codex.resume("and more"))
    return runs


def told(codex: Codex, runs: list[Ran]) -> list[str]:
    """What a user of these runs saw, as lines. Log lines of background services come when and as often as they come."""
    found = []
    for ran in runs:
        heard = [normal(line, str(codex.home)) for line in ran.stderr.splitlines()]
        said = [line for line in heard if not line.startswith("TIME")]
        shown = [ordered(line) for line in normal(ran.stdout, str(codex.home)).splitlines()]
        found += [f"exit {ran.code}", *shown, *said]
        found += sorted({line for line in heard if line.startswith("TIME")})
    return found


def ordered(line: str) -> str:
    """A line of JSON with its keys in order (0.29 writes them by chance); any other as it is."""
    return json.dumps(json.loads(line), sort_keys=True) if line.startswith("{") else line


def sent(codex: Codex, upstream: StrictUpstream) -> list[str]:
    """The turns that reached the upstream, as lines, without what differs between any two runs (order of keys too)."""
    found = []
    for got in upstream.turns:
        own = ("host", "content-length", "connection")
        headers = sorted(f"{name.lower()}: {value}" for name, value in got.headers if name.lower() not in own)
        body = json.dumps(json.loads(got.decoded), indent=1, sort_keys=True) if got.decoded else ""
        whole = "\n".join((f"{got.method} {got.path}", *headers, body))
        found += normal(whole, str(codex.home)).splitlines()
    return found


def same(one: list[str], other: list[str]) -> bool:
    """True where they are equal; otherwise fails with the diff."""
    different = "\n".join(line[:300] for line in difflib.unified_diff(one, other, lineterm="", n=1))
    assert not different, different
    return True


def essence(messages: list[Message]) -> list[str]:
    """Every byte of these messages but what belongs to the connection they came on."""
    lines = []
    for message in sorted(messages, key=lambda message: (message.start, message.body, message.lines)):
        # The phrase behind a status says nothing, and the server leaves it out.
        start = message.start[:12] if message.start.startswith(b"HTTP/") else message.start
        lines += [repr(start), *map(repr, message.end_to_end), repr(message.body)]
    return lines


def essence_of_sockets(sockets: list[Socket]) -> list[str]:
    """Each handshake's header lines, and every byte of the frames behind it."""
    lines = []
    for socket in sorted(sockets, key=lambda socket: socket.asked.rest):
        for message in (socket.asked, socket.given):
            lines += [repr(message.start[:12]), *sorted(map(repr, message.end_to_end)), repr(message.rest)]
    return lines


@pytest.mark.req("P5", "P16")
@pytest.mark.wire("W1", "W2", "W3", "W4")
@pytest.mark.parametrize(("version", "transport", "auth"), LOGGED_IN)
async def test_nothing_differs_from_codex_without_the_proxy(
    version: str, transport: Transport, auth: Auth, codex, upstream, serve
) -> None:
    alone, behind = codex(version, auth, name="one"), codex(version, auth, name="two")
    upstream.script = script()
    plain = StrictUpstream(script(), websocket=upstream.websocket)
    async with plain.listen() as url, Tap().open() as above, Tap().open() as below:
        above.to = int(upstream.url.removesuffix("/v1").rpartition(":")[2])
        proxy = await serve(targets=f"http://127.0.0.1:{above.port}/v1", seen_port=below.port)
        below.to = proxy.port

        expected = await a_days_work(alone.point_at(f"{url}/v1"))
        runs = await a_days_work(behind.point_at(f"http://127.0.0.1:{below.port}/v1"))

    assert same(told(alone, expected), told(behind, runs))
    assert (behind.project / "made.txt").exists()
    assert same(sent(alone, plain), sent(behind, upstream))
    codex_side, upstream_side = below.exchanges(), above.exchanges()
    assert same(essence([asked for asked, _ in codex_side]), essence([asked for asked, _ in upstream_side]))
    assert same(essence([given for _, given in upstream_side]), essence([given for _, given in codex_side]))
    assert same(essence_of_sockets(below.sockets()), essence_of_sockets(above.sockets()))
    spoken = [message for socket in below.sockets() for message in socket.said]
    assert len(spoken or codex_side) >= 3
    assert bool(spoken) is (version in NEW and transport == "websocket")
    assert proxy.events.entries == []


@pytest.mark.wire("W5")
@pytest.mark.parametrize("version", ALL)
async def test_the_upstream_is_chosen_by_the_login(version: str, codex, upstream, serve) -> None:
    for_login = StrictUpstream([text("From the backend of the login.")])
    async with for_login.listen() as url:
        proxy = await serve(targets=Targets(api=upstream.url, chatgpt=f"{url}/backend-api/codex"))

        by_key = await codex(version, "api", name="key").point_at(proxy.url).exec("hi")
        by_login = await codex(version, "chatgpt", name="login").point_at(proxy.url).exec("hi")

    assert "Hello from the script." in by_key.stdout
    assert "From the backend of the login." in by_login.stdout
    assert [got.path for got in upstream.turns] == ["/v1/responses"]
    assert [got.path for got in for_login.turns] == ["/backend-api/codex/responses"]
    assert [got.header("chatgpt-account-id") for got in for_login.turns] == ["acc-fake"]


@pytest.mark.wire("W2")
@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_a_delta_reaches_codex_before_the_next_one_is_made(transport: Transport, codex, upstream, serve) -> None:
    upstream.script = [text("First, then second.", chunk=6).stall("between", after_events=5)]
    async with Tap().open() as below:
        proxy = await serve(seen_port=below.port)
        below.to = proxy.port

        running = asyncio.ensure_future(codex().point_at(f"http://127.0.0.1:{below.port}/v1").exec("hi"))
        async with asyncio.timeout(20):
            await upstream.standing_at("between")
            await below.saw(b'"delta":"First,"')
        upstream.release("between")
        ran = await running

    assert "First, then second." in ran.stdout


@pytest.mark.wire("W3")
@pytest.mark.parametrize("plugins", ["none", "upper,calls"])
@pytest.mark.parametrize(("version", "transport"), [(version, "http") for version in NEW])
async def test_codex_falls_back_in_silence_where_the_upstream_refuses_websockets(
    version: str, transport: Transport, plugins: str, codex, upstream, proxy
) -> None:
    running = await proxy(plugins)

    ran = await codex(version).point_at(running.url).exec("hi", json=True)

    assert ran.messages == ["Hello from the script."]
    assert [event for event in ran.events if event["type"] == "error"] == []
    assert len(upstream.handshakes) == 1
    assert len(ran.websocket_errors) == 1
    assert [got.method for got in upstream.requests] == ["POST"]
