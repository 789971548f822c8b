"""The shortest way for messages in which nobody looks: nothing that somebody watches may take it, and none is lost."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from proxy.made_plugin import plugin
from proxy.sockets import dial
from proxy.test_frames import MORE, PING, TEXT, Front, frame

from codexplus_core.proxy.frames import Frames
from codexplus_core.proxy.link import SocketAnswer
from codexplus_core.proxy.skim_socket import SocketSkim
from codexplus_core.testing import Harness, StrictUpstream, stall, text
from codexplus_core.testing.pipes import pipes

pytestmark = [pytest.mark.req("P6"), pytest.mark.wire("W3")]

WATCHED = frozenset({b"response.completed", b"error"})
DELTA = b'{"type":"response.output_text.delta","delta":"%b"}'
END = b'{"type":"response.completed","response":{}}'


class Client:
    """Keeps what goes out, messages and frames."""

    def __init__(self, *, plain: bool = True, slow: bool = False) -> None:
        self.plain = plain
        self.slow = slow
        self.sent: list[bytes] = []
        self.room = asyncio.Event()

    def write(self, payload: bytes) -> bool:
        """Not ready where it is slow."""
        return self.write_frames(plain(payload) if self.plain else payload)

    def write_frames(self, data: bytes) -> bool:
        """The same."""
        self.sent.append(data)
        return not self.slow

    async def drain(self) -> None:
        """Wait for the test."""
        await self.room.wait()


class Down:
    bytes_out = 0


def skim(client: Client) -> SocketSkim:
    made = SocketSkim(Down(), client)
    made.watch(WATCHED)
    return made


def plain(*payloads: bytes) -> bytes:
    return b"".join(frame(TEXT, payload, masked=False) for payload in payloads)


def test_whole_frames_in_which_nobody_looks_go_out_as_they_are_and_are_counted() -> None:
    client = Client()
    made = skim(client)
    wire = plain(DELTA % b"a", DELTA % (b"b" * 200), DELTA % (b"c" * 70_000), b'{ "type": "other" }', b"[]")

    assert made.frames(wire) == len(wire)
    assert client.sent == [wire]
    assert made.count == len(wire) - 2 - 4 - 10 - 2 - 2


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("watched", [END, b'{ "delta": 1, "type": "error" }'])
def test_what_somebody_watches_stays_with_all_behind_it(watched: bytes, at: int) -> None:
    client = Client()
    before = [DELTA % b"a"] * at
    wire = plain(*before, watched, DELTA % b"b")

    assert skim(client).frames(wire) == len(plain(*before))
    assert client.sent == ([plain(*before)] if at else [])


@pytest.mark.parametrize(
    "odd",
    [
        frame(PING, b"x", masked=False),
        frame(TEXT, DELTA % b"a", masked=False, packed=True),
        frame(TEXT, DELTA % b"a", masked=False, fin=False),
        frame(MORE, DELTA % b"a", masked=False),
        frame(TEXT, DELTA % b"a"),
        plain(DELTA % b"a")[:-1],
        plain(DELTA % b"a")[:1],
    ],
)
def test_only_whole_text_messages_of_a_server_go_out_in_their_frames(odd: bytes) -> None:
    wire = plain(DELTA % b"a")

    assert skim(Client()).frames(odd) == 0
    assert skim(Client()).frames(wire + odd) == len(wire)


def test_a_type_that_is_watched_from_now_on_is_found_however_usual_it_was() -> None:
    made = skim(Client())
    assert made.message(DELTA % b"a")

    made.watch(frozenset({b"response.output_text.delta"}))

    assert not made.message(DELTA % b"a")
    assert made.frames(plain(DELTA % b"a")) == 0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("client_is_plain", [True, False])
async def test_however_the_bytes_are_cut_every_message_comes_once_and_in_order(
    client_is_plain: bool, seed: int
) -> None:
    dice = random.Random(seed)
    said = [dice.choice([DELTA % (b"%d" % at * dice.choice([1, 40, 9000])), END + b" " * at]) for at in range(60)]
    wire = b""
    for payload in said:
        cut = dice.randrange(len(payload)) if dice.random() < 0.3 else 0
        if cut:
            wire += frame(TEXT, payload[:cut], masked=False, fin=False) + frame(PING, masked=False)
        wire += frame(MORE if cut else TEXT, payload[cut:], masked=False)
    raw, inner = pipes(1 << 20)
    frames, client = Frames(inner, server=False), Client(plain=client_is_plain)
    got: list[bytes] = []

    async def read() -> None:
        passing = skim(client)
        while len(got) < len(said):
            read = await frames.read_all(passing)
            out, client.sent = client.sent, []
            got.extend(payload for data in out for payload in (_payloads(data) if client_is_plain else [data]))
            got.extend(read)

    async with asyncio.timeout(20):
        reading = asyncio.ensure_future(read())
        while wire:
            size = dice.choice([1, 3, 100, 5000])
            raw.write(wire[:size])
            wire = wire[size:]
            await asyncio.sleep(0)
        raw.write(plain(END))
        await reading

    assert got[: len(said)] == said


def _payloads(data: bytes) -> list[bytes]:
    found = []
    while data:
        second = data[1]
        start = 2 if second < 126 else 4 if second == 126 else 10
        size = second if second < 126 else int.from_bytes(data[2:start])
        found.append(data[start : start + size])
        data = data[start + size :]
    return found


@pytest.mark.parametrize("client_is_plain", [True, False])
async def test_a_client_that_reads_slowly_holds_the_upstream_back(client_is_plain: bool) -> None:
    raw, inner = pipes(1000)
    frames, client = Frames(inner, server=False), Client(plain=client_is_plain, slow=True)
    reading = asyncio.ensure_future(frames.read_all(skim(client)))
    await asyncio.sleep(0)

    sent = 0
    while raw.write(plain(DELTA % b"a" * 10)):
        sent += 1
        await asyncio.sleep(0)
        assert sent < 100
    client.slow = False
    client.room.set()
    async with asyncio.timeout(60):
        await raw.drain()
        raw.write(plain(END))
        assert await reading == [END]


async def test_behind_a_message_that_waits_nothing_goes_by() -> None:
    front = Front()
    client = Client()
    front.raw.write(frame(TEXT, END))

    assert await front.frames.read_all(skim(client)) == [END]
    assert client.sent == []


@pytest.mark.req("P9")
@pytest.mark.parametrize("deflate", [True, False])
async def test_messages_in_which_nobody_looks_wake_no_task(deflate: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = 0
    following = SocketAnswer.next

    async def counted(self: SocketAnswer) -> Any:
        nonlocal woken
        woken += 1
        return await following(self)

    monkeypatch.setattr(SocketAnswer, "next", counted)
    upstream = StrictUpstream([stall("here", 5, text("one"))], deflate=deflate)
    looking = plugin(on_request=lambda exchange: None, on_tool_use=lambda call: None)
    async with Harness([looking], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy, deflate=deflate)
        talker.send(talker.create())
        await upstream.standing_at("here")
        for _ in range(5):
            await talker.frames.receive()
        woken = 0
        for number in range(40):
            upstream.connections[0].send(DELTA % b"%d" % number)
            assert await talker.frames.receive() == DELTA % b"%d" % number
        assert woken == 0
        upstream.release("here")
        assert (await talker.answer())[-1]["type"] == "response.completed"
        talker.frames.close()


@pytest.mark.parametrize("deflate", [True, False])
async def test_a_plugin_gets_every_message_of_a_type_that_it_watches(deflate: bool) -> None:
    seen: list[str] = []
    ends: list[int] = []
    watching = plugin(
        WATCHES=("response.output_text.delta",),
        on_chunk=lambda event: seen.append(event.data["delta"]),
        on_exchange_end=lambda outcome: ends.append(outcome.bytes_out),
    )
    upstream = StrictUpstream([text("one two three four", chunk=2)], deflate=deflate)
    async with Harness([watching], upstream=upstream) as proxy, asyncio.timeout(60):
        talker = await dial(proxy, deflate=deflate)
        got = await talker.ask(talker.create())
        talker.frames.close()

    assert "".join(seen) == "one two three four"
    assert ends == [sum(len(json.dumps(event, separators=(",", ":"))) for event in got)]
