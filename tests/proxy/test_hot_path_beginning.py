"""An answer's beginning in which nobody looks: what it costs, and that its time is known all the same."""

from __future__ import annotations

import asyncio

import pytest
from proxy.asked import CLOSING_HEAD, Kept
from proxy.front import fronted, on_each_loop
from proxy.test_hot_path import BEGUN, BODY, COMPLETED, EVENT, POST, Ends, answer_of, application
from raw_http import CHUNKED_HEAD, END, Connection, chunk, serving

from codexplus_core import Event
from codexplus_core.protocol.events import BOM
from codexplus_core.protocol.sse import Decoder
from codexplus_core.proxy.upstream import CurlUpstream


class TimedEnds(Kept, Ends):
    """One that wants to know of the answer's end, too, before the client does."""


timed_plugin = pytest.mark.parametrize("plugin", [Kept, TimedEnds], ids=["idle", "ends"])


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is taken apart."""
    fed: list[bytes] = []
    feed = Decoder.feed

    def kept(self: Decoder, data: bytes) -> list[Event]:
        fed.append(data)
        return feed(self, data)

    monkeypatch.setattr(Decoder, "feed", kept)
    return fed


@pytest.mark.req("P5", "P6")
@pytest.mark.parametrize("first", [BEGUN * 2, EVENT, BEGUN + EVENT * 30, BOM + BEGUN, b": ping\n\n" + BEGUN])
@pytest.mark.parametrize("together", [True, False], ids=["with the head", "after the head"])
@timed_plugin
@on_each_loop
async def test_it_is_not_taken_apart_and_its_time_is_the_answers_first_byte(
    read: list[bytes], first: bytes, together: bool, plugin: type[Kept]
) -> None:
    timed, now, got = plugin(), [10.0], asyncio.Event()

    async def script(connection: Connection) -> None:
        now[0] += 1.0
        await connection.send(CHUNKED_HEAD + chunk(first) if together else CHUNKED_HEAD)
        if not together:
            await got.wait()
            got.clear()
            now[0] += 1.0
            await connection.send(chunk(first))
        await got.wait()
        now[0] += 4.0
        await connection.send(chunk(EVENT) + chunk(COMPLETED) + END)

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        app = application(upstream, server.url + "/v1", timed, clock=lambda: now[0])
        async with fronted(app) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            if not together:
                got.set()
            assert await reader.readexactly(len(chunk(first))) == chunk(first)
            got.set()
            assert await answer_of(reader) == (EVENT + COMPLETED, True)
            writer.close()
        await upstream.aclose()

    (outcome,) = timed.outcomes
    assert outcome.first_byte_s == outcome.upstream_s == (1.0 if together else 2.0)
    assert outcome.bytes_out == len(first + EVENT + COMPLETED)
    if plugin is Kept:
        assert b"".join(read) == (b"" if first.startswith(b"event") else first)


@pytest.mark.req("P5")
@pytest.mark.parametrize("framed", [True, False], ids=["chunks", "until it closes"])
@pytest.mark.parametrize("ending", [COMPLETED, COMPLETED.partition(b"\n")[2]], ids=["named", "bare"])
@pytest.mark.parametrize("cut", range(1, len(BEGUN + COMPLETED), 17))
@timed_plugin
@on_each_loop
async def test_a_beginning_that_ends_within_an_event_is_the_upstreams_byte_for_byte(
    cut: int, ending: bytes, framed: bool, plugin: type[Kept]
) -> None:
    whole = BEGUN + ending
    timed, got = plugin(), asyncio.Event()
    frame = chunk if framed else bytes

    async def script(connection: Connection) -> None:
        await connection.send((CHUNKED_HEAD if framed else CLOSING_HEAD) + frame(whole[:cut]))
        await got.wait()
        await connection.send(frame(whole[cut:]))
        await connection.send(END if framed else b"")
        if not framed:
            connection.writer.close()

    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        async with fronted(application(upstream, server.url + "/v1", timed)) as front:
            reader, writer = await front.connect(POST % (front.port, len(BODY), BODY))
            await reader.readuntil(b"\r\n\r\n")
            got.set()
            assert await answer_of(reader) == (whole, True)
            writer.close()
        await upstream.aclose()

    (outcome,) = timed.outcomes
    assert (outcome.bytes_out, outcome.error) == (len(whole), None)
