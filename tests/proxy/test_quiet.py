"""Which answers go by as they come, and that what is known of them at their end is what it would be otherwise."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from proxy.asked import CLOSING_HEAD, Kept, answered
from proxy.front import fronted, on_each_loop
from proxy.test_hot_path import BEGUN, BODY, COMPLETED, EVENT, ITEM, POST, answer_of, application
from raw_http import CHUNKED_HEAD, END, Connection, chunk, serving

from codexplus_core import Event, Exchange, Session, ToolCall, Turn, hookimpl
from codexplus_core.proxy.direct import Direct
from codexplus_core.proxy.quiet import is_quiet
from codexplus_core.proxy.tap import Tap
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.services.config import Config
from codexplus_core.services.transcripts import Transcripts

PROMPT = (
    b'{"model":"m","stream":true,"input":[{"type":"message","role":"user",'
    b'"content":[{"type":"input_text","text":"hi"}]}]}'
)
SPENT = COMPLETED.replace(b'"output":[]', b'"usage":{"input_tokens":4,"output_tokens":3,"total_tokens":7}')
WINDOW = b'{"used_percent":4,"window_minutes":1,"reset_at":2}'
LIMITS = b'event: codex.rate_limits\ndata: {"rate_limits":{"primary":%b}}\n\n' % WINDOW


class HoldsCalls(Kept):
    @hookimpl
    def on_tool_use(self, call: ToolCall) -> None:
        """Let it be made."""


class Ends(Kept):
    @hookimpl
    def on_turn_end(self) -> None:
        """Let it end."""


class ChoosesModel(Kept):
    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.watch()
        exchange.model = "other"


class AddsTool(Kept):
    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.watch()
        exchange.add_tool("t", "d", {"type": "object", "properties": {}})


class Watches(Kept):
    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.watch("error")


class WatchesAll(Kept):
    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        """Watch what is watched unless it is said."""

    @hookimpl
    def on_chunk(self, event: Event) -> None:
        """Let it by."""


class Slow(Kept):
    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    @hookimpl
    async def on_request(self, exchange: Exchange) -> None:  # type: ignore[override]
        exchange.watch()
        await self.heard.wait()


@pytest.fixture
def taps(monkeypatch: pytest.MonkeyPatch) -> list[Tap]:
    """Those that an answer went by."""
    used: list[Tap] = []
    pipe = Tap.pipe

    async def counted(self: Tap, answer: Any) -> None:
        used.append(self)
        await pipe(self, answer)

    monkeypatch.setattr(Tap, "pipe", counted)
    return used


async def whole(connection: Connection) -> None:
    await connection.send(CHUNKED_HEAD + chunk(BEGUN + EVENT + LIMITS + ITEM + SPENT) + END)


@pytest.mark.req("P6")
@pytest.mark.parametrize(
    ("plugin", "goes_by"),
    [
        (Kept, True), (HoldsCalls, False), (Ends, False), (ChoosesModel, False), (AddsTool, False), (Watches, False),
        (WatchesAll, False),
    ],
)  # fmt: skip
async def test_an_answer_goes_by_where_nobody_has_a_part_in_it(
    taps: list[Tap], plugin: type[Kept], goes_by: bool
) -> None:
    one = plugin()

    got, ended = await answered(whole, one, body=PROMPT)

    assert bool(taps) == goes_by
    assert ended and got.endswith(SPENT)
    (outcome,) = one.outcomes
    assert (outcome.error, outcome.rounds, outcome.usage.total_tokens) == (None, 1, 7)
    assert outcome.limits["x-codex-primary-used-percent"] == "4"


async def test_an_answer_of_which_the_client_has_got_a_keep_alive_does_not_go_by(taps: list[Tap]) -> None:
    one = Slow()

    got, ended = await answered(whole, one, body=PROMPT, keepalive_s=0.001, on_head=one.heard.set)

    assert not taps
    assert ended and got.count(b"event: response.created\n") == 1 and got.startswith(b"event: response.created\n")
    assert [outcome.error for outcome in one.outcomes] == [None]


def test_an_answer_does_not_go_by_where_the_ledger_keeps_words_of_the_models() -> None:
    nobody: Any = SimpleNamespace(has=lambda hook: False, watched_types=lambda exchange: frozenset())
    passage: Any = SimpleNamespace(
        exchange=Exchange(session=Session(), turn=Turn("1", "user"), model="m"), link=None, interrupting=None,
        down=SimpleNamespace(started=False), body=SimpleNamespace(text=lambda key: "m"),
        reading=SimpleNamespace(ledger=SimpleNamespace(decided_answers=False)),
    )  # fmt: skip
    assert is_quiet(passage, nobody)

    passage.reading.ledger.decided_answers = True

    assert not is_quiet(passage, nobody)


@pytest.mark.req("P5")
@on_each_loop
async def test_where_the_client_leaves_an_answer_that_goes_by_the_upstream_is_left_too() -> None:
    left, kept = asyncio.Event(), Kept()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(BEGUN))
        assert await connection.reader.read() == b""
        left.set()

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", kept)) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(BEGUN)
            writer.close()
            await left.wait()
        await upstream.aclose()

    assert [outcome.error for outcome in kept.outcomes] == ["client_gone"]


async def test_what_two_endings_say_is_added_up() -> None:
    kept = Kept()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(SPENT) + chunk(SPENT) + END)

    assert await answered(script, kept) == (SPENT + SPENT, True)
    assert [outcome.usage.total_tokens for outcome in kept.outcomes] == [14]


@pytest.mark.parametrize("plugin", [Kept, Ends])
async def test_an_item_that_is_noted_for_the_transcript_is_no_ending(plugin: type[Kept], tmp_path: Path) -> None:
    transcripts, one = Transcripts(tmp_path, config=Config(None), report=lambda *_: None), plugin()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(BEGUN + ITEM) + END)

    await answered(script, one, transcripts=transcripts)
    await transcripts.flush()

    assert [outcome.error for outcome in one.outcomes] == ["failed"]


@pytest.mark.parametrize("plugin", [Kept, Ends])
async def test_the_transcript_of_an_answer_that_goes_by_is_that_of_one_that_is_read(
    taps: list[Tap], plugin: type[Kept], tmp_path: Path
) -> None:
    transcripts = Transcripts(tmp_path, config=Config(None), report=lambda *_: None)

    await answered(whole, plugin(), body=PROMPT, transcripts=transcripts)
    await transcripts.flush()

    assert bool(taps) == (plugin is Kept)
    (path,) = tmp_path.rglob("*.jsonl")
    (line,) = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [item["content"][0]["text"] for item in line["shown"]] == ["x"]


@pytest.mark.req("P5")
@pytest.mark.parametrize("ending", [b"", b"event: error\ndata: {}\n\n"], ids=["without an ending", "an error"])
@on_each_loop
async def test_a_response_that_fails_or_has_no_ending_is_no_success(ending: bytes) -> None:
    one = Kept()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(BEGUN) + (chunk(ending) if ending else b"") + END)

    assert await answered(script, one) == (BEGUN + ending, True)
    assert [outcome.error for outcome in one.outcomes] == ["failed"]


@pytest.mark.req("P5")
@pytest.mark.abuse("A17")
@on_each_loop
async def test_what_looks_like_a_chunk_within_a_chunk_is_its_content() -> None:
    inner, rest = chunk(EVENT), b"\n\n" + SPENT
    outer = b"%x\r\n" % len(EVENT + inner + rest)

    got = await in_steps(CHUNKED_HEAD, [chunk(BEGUN), outer + EVENT, inner, rest + b"\r\n" + END])

    assert got == BEGUN + EVENT + inner + rest


@pytest.mark.req("P6")
@pytest.mark.parametrize("length", [True, False], ids=["with its length", "until it closes"])
async def test_an_event_of_a_body_without_chunks_is_one_write_and_not_looked_into(
    monkeypatch: pytest.MonkeyPatch, length: bool
) -> None:
    looked_at: list[bytes] = []
    look = Tap._look

    def counted(self: Tap, data: bytes, first: bool) -> bool:
        looked_at.append(data)
        return look(self, data, first)

    monkeypatch.setattr(Tap, "_look", counted)
    events = [BEGUN, *[EVENT] * 5, SPENT]
    size = b"content-length: %d\r\n" % sum(map(len, events)) if length else b""

    assert await in_steps(CLOSING_HEAD[:-2] + size + b"\r\n", events) == b"".join(events)

    assert looked_at == [BEGUN, SPENT]


async def in_steps(head: bytes, pieces: list[bytes]) -> bytes:
    """What the client gets of a body of which each piece is sent once the one before has arrived."""
    arrived = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(head)
        for piece in pieces:
            arrived.clear()
            await connection.send(piece)
            await arrived.wait()
        connection.writer.close()

    upstream, got = CurlUpstream(environ={}), b""
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", Kept())) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            while size := int(await reader.readuntil(b"\r\n"), 16):
                got += await reader.readexactly(size)
                await reader.readexactly(2)
                arrived.set()
            writer.close()
        await upstream.aclose()
    return got


@pytest.mark.req("P6")
async def test_an_answer_that_went_by_leaves_nothing_to_the_collector() -> None:
    await answered(whole, Kept())
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            await answered(whole, Kept())
        await asyncio.sleep(0)
        left = [type(found) for found in gc.get_objects() if isinstance(found, Tap | Direct)]
    finally:
        gc.enable()

    assert left == []


@pytest.mark.req("P5", "P6")
@pytest.mark.abuse("A17")
@on_each_loop
async def test_a_client_that_reads_too_slowly_holds_the_upstream_back_and_loses_nothing() -> None:
    count, sent = 1000, 0
    event = EVENT.replace(b'"x"', b'"%b"' % (b"x" * 16_000))

    async def script(connection: Connection) -> None:
        nonlocal sent
        await connection.send(CHUNKED_HEAD + chunk(BEGUN))
        for _ in range(count):
            await connection.send(chunk(event))
            sent += 1
        await connection.send(chunk(COMPLETED) + END)

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", Kept())) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            before = -1
            while sent != before:  # until everything between the two ends is full
                before = sent
                for _ in range(1000):
                    await asyncio.sleep(0)
            assert sent < count
            assert await answer_of(reader) == (BEGUN + event * count + COMPLETED, True)
            writer.close()
        await upstream.aclose()
