"""What an untouched event may cost: how often anything is done for it, counted. Time is measured in bench/."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from proxy.front import fronted, on_each_loop
from raw_http import CHUNKED_HEAD, END, Connection, chunk, serving

from codexplus_core import Event, Exchange, hookimpl
from codexplus_core.conversation.record import MemoryStore
from codexplus_core.dispatch import Dispatcher
from codexplus_core.loader import load_plugins
from codexplus_core.protocol.sse import Decoder
from codexplus_core.proxy import upstream_multi
from codexplus_core.proxy.app import App
from codexplus_core.proxy.coalescing import Coalescing
from codexplus_core.proxy.direct import Direct
from codexplus_core.proxy.guard import Guard
from codexplus_core.proxy.target import Targets
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.services.config import Config
from codexplus_core.services.memory import MemoryValues
from codexplus_core.testing.harness import Log

EVENT = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"x"}\n\n'
BEGUN = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r"}}\n\n'
ITEM = (
    b'event: response.output_item.done\ndata: {"type":"response.output_item.done","output_index":0,'
    b'"item":{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"x"}]}}\n\n'
)
RATES = b'event: codex.rate_limits\ndata: {"type":"codex.rate_limits","rate_limits":{}}\n\n'
COMPLETED = b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r","output":[]}}\n\n'
BODY = b'{"model":"m","stream":true,"input":[]}'
POST = (
    b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nauthorization: Bearer k\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
)


class Idle:
    """A plugin that looks at every request and wants to see no event: the answer goes by."""

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.watch()

    @hookimpl
    def on_chunk(self, event: Event) -> None:
        raise AssertionError(event.type)


class Ends(Idle):
    """One that wants to know of the answer's end, too, before the client does: what comes before that goes by."""

    @hookimpl
    def on_turn_end(self) -> None:
        """Let it end."""


looked_at = pytest.mark.parametrize("plugin", [Idle, Ends])


class Together(Coalescing):
    """Takes every stream for one of very many."""

    turns = 0

    def __init__(self) -> None:
        super().__init__()
        self.busy = True

    def breathe(self) -> None:
        """Count the turns in which pieces were passed on at the end."""
        Together.turns += 1


@pytest.fixture(params=["each", "together"])
def passing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether each piece is passed on at once, or all of a turn together."""
    how: str = request.param
    if how == "together":
        monkeypatch.setattr(upstream_multi, "Coalescing", Together)
    return how


@pytest.mark.req("P6", "P9")
@on_each_loop
async def test_an_untouched_event_is_one_write_and_wakes_no_task(monkeypatch: pytest.MonkeyPatch, passing: str) -> None:
    writes: list[bytes] = []
    tasks: list[str] = []
    write_chunks = Direct.write_chunks

    def counted_write(self: Direct, data: bytes, closed: bool) -> bool:
        writes.append(data)
        return write_chunks(self, data, closed)

    def counted_task(loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> Any:
        tasks.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **how)

    monkeypatch.setattr(Direct, "write_chunks", counted_write)
    asyncio.get_running_loop().set_task_factory(counted_task)
    costs = []
    for events in (2, 40):
        writes.clear()
        tasks.clear()
        await relay(events)
        costs.append((len(writes), len(tasks)))

    (few_writes, few_tasks), (many_writes, many_tasks) = costs
    assert many_writes - few_writes == 38
    assert many_tasks == few_tasks


@pytest.mark.req("P6", "P9")
@looked_at
@on_each_loop
async def test_an_event_that_no_plugin_watches_is_one_write_and_wakes_no_task(
    monkeypatch: pytest.MonkeyPatch, passing: str, plugin: type[Idle]
) -> None:
    writes: list[bytes] = []
    steps: list[int] = []
    opened, feed = Direct._open, Decoder.feed

    def counted_opening(self: Direct) -> None:
        opened(self)
        way = self.way

        def counted_way(data: bytes) -> None:
            writes.append(data)
            if way is not None:
                way(data)

        self.way = None if way is None else counted_way

    def counted_feed(self: Decoder, data: bytes) -> list[Event]:
        steps.append(len(data))
        return feed(self, data)

    monkeypatch.setattr(Direct, "_open", counted_opening)
    monkeypatch.setattr(Decoder, "feed", counted_feed)
    costs = []
    for events in (2, 40):
        writes.clear()
        steps.clear()
        await relay(events, plugin())
        costs.append((len(writes), len(steps)))

    (few_writes, few_steps), (many_writes, many_steps) = costs
    assert many_writes - few_writes == 38
    assert many_steps == few_steps


@pytest.mark.req("P5")
@pytest.mark.wire("W2")
@looked_at
@on_each_loop
async def test_a_stream_that_a_plugin_reads_in_part_is_the_upstreams_byte_for_byte(
    passing: str, plugin: type[Idle]
) -> None:
    sent = [BEGUN, *[EVENT] * 5, RATES, ITEM, *[EVENT] * 3, COMPLETED]
    turns = Together.turns
    got = await streamed(sent, plugin())

    assert got == b"".join(sent)
    assert (Together.turns - turns >= len(sent)) == (passing == "together")


@pytest.mark.req("P5")
@pytest.mark.parametrize("ending", [COMPLETED, COMPLETED.replace(b"completed", b"failed")])
@looked_at
@on_each_loop
async def test_an_ending_behind_which_the_upstream_breaks_off_reaches_the_client(
    ending: bytes, plugin: type[Idle]
) -> None:
    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(BEGUN) + chunk(ending))
        connection.writer.close()

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", plugin())) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            got, whole = await answer_of(reader)
            writer.close()
        await upstream.aclose()

    assert got == BEGUN + ending
    assert whole == (ending == COMPLETED)


@pytest.mark.req("P5", "P6")
@pytest.mark.parametrize("plugins", [(), (Idle(),), (Ends(),)], ids=["none", "idle", "ends"])
@on_each_loop
async def test_where_many_streams_go_by_together_each_keeps_its_bytes_and_a_cut_is_a_cut(
    monkeypatch: pytest.MonkeyPatch, plugins: tuple[Idle, ...]
) -> None:
    monkeypatch.setattr(upstream_multi, "Coalescing", Together)
    turns = Together.turns
    events = [BEGUN, *[EVENT] * 60, ITEM, COMPLETED]
    begun, heads = itertools.count(), asyncio.Barrier(32)

    async def script(connection: Connection) -> None:
        whole = next(begun) % 2
        await connection.send(CHUNKED_HEAD)
        await heads.wait()
        for event in events if whole else events[:-1]:
            await connection.send(chunk(event))
        if whole:
            await connection.send(END)
        else:
            connection.writer.close()

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", *plugins)) as front:

            async def asked() -> tuple[bytes, bool]:
                reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
                await reader.readuntil(b"\r\n\r\n")
                await heads.wait()
                answer = await answer_of(reader)
                writer.close()
                return answer

            answers = await asyncio.gather(*[asked() for _ in range(16)])
        await upstream.aclose()

    assert Counter(answers) == {(b"".join(events), True): 8, (b"".join(events[:-1]), False): 8}
    # Where the end has to be waited for, events are read until nobody looks for one.
    assert Together.turns > turns or any(isinstance(plugin, Ends) for plugin in plugins)


async def answer_of(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """The contents of an answer's chunks, and whether it has an end."""
    got = b""
    try:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            got += await reader.readexactly(size)
            await reader.readexactly(2)
    except asyncio.IncompleteReadError:
        return got, False
    return got, True


async def relay(events: int, *plugins: object) -> None:
    """Let so many events pass, each once the client has read the one before."""
    read = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD)
        for _ in range(events):
            read.clear()
            await connection.send(chunk(EVENT))
            await read.wait()
        await connection.send(END)

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", *plugins)) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            for _ in range(events):
                assert await reader.readexactly(len(chunk(EVENT))) == chunk(EVENT)
                read.set()
            await reader.readuntil(b"0\r\n\r\n")  # where a plugin looks, a response that does not end gets an error
            writer.close()
        await upstream.aclose()


async def streamed(events: list[bytes], *plugins: object) -> bytes:
    """What the client gets of these events, each sent by itself once the one before has arrived."""
    arrived = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD)
        for event in events:
            arrived.clear()
            await connection.send(chunk(event))
            async with asyncio.timeout(60):
                await arrived.wait()
        await connection.send(END)

    upstream, got = CurlUpstream(environ={}), b""
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", *plugins)) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            while size := int(await reader.readuntil(b"\r\n"), 16):
                got += await reader.readexactly(size)
                await reader.readexactly(2)
                arrived.set()
            writer.close()
        await upstream.aclose()
    return got


def application(upstream: CurlUpstream, url: str, *wanted: object, clock: Callable[[], float] = time.monotonic) -> App:
    """The proxy with these plugins alone."""
    plugins = load_plugins((), entry_points=(), extra={str(number): one for number, one in enumerate(wanted)})
    uid = os.getuid() if hasattr(os, "getuid") else 0
    return App(
        plugins=plugins, dispatcher=Dispatcher(plugins, log=Log()), upstream=upstream, targets=Targets(override=url),
        guard=Guard(port=3000, uid_of=lambda *_: uid, own_uid=uid, any_host=True),
        store=MemoryValues(MemoryStore()), log=Log(), config=Config(None), clock=clock,
    )  # fmt: skip


@pytest.mark.req("P9")
@pytest.mark.parametrize("plugins", [(), (Idle(),), (Ends(),)], ids=["none", "idle", "ends"])
async def test_coalescing_is_told_of_the_pieces_of_a_burst_with_their_bytes(
    monkeypatch: pytest.MonkeyPatch, plugins: tuple[Idle, ...]
) -> None:
    told: list[tuple[int, int]] = []

    class Told(Coalescing):
        def count(self, pieces: int, size: int, window: int) -> int:
            told.append((pieces, size))
            return super().count(pieces, size, window)

    monkeypatch.setattr(upstream_multi, "Coalescing", Told)
    begun, gone_by = asyncio.Event(), asyncio.Event()
    burst = b"".join([chunk(EVENT)] * 60)

    async def script(connection: Connection) -> None:
        await connection.send(CHUNKED_HEAD + chunk(BEGUN))
        await begun.wait()
        await connection.send(burst)
        await gone_by.wait()
        await connection.send(burst + chunk(COMPLETED) + END)

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", *plugins)) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(BEGUN[-20:])
            begun.set()
            for _ in range(60):
                await reader.readuntil(EVENT)
            gone_by.set()
            await reader.readuntil(b"\r\n0\r\n\r\n")
            writer.close()
        await upstream.aclose()

    # The first piece of an answer is not counted: short ones are nothing else.
    assert sum(size for _, size in told) >= len(burst)
