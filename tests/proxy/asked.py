"""One exchange through a server of ours, with a scripted upstream behind it and one plugin between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.front import fronted
from proxy.test_hot_path import BODY, POST, Idle, answer_of, application
from raw_http import Connection, serving

from codexplus_core import Exchange, Outcome, hookimpl
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.services.transcripts import Transcripts

CLOSING_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


class Kept(Idle):
    """Keeps how exchanges end, and is idle but for that."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


async def answered(
    script: Callable[[Connection], Awaitable[None]],
    plugin: object,
    *,
    body: bytes = BODY,
    transcripts: Transcripts | None = None,
    keepalive_s: float | None = None,
    on_head: Callable[[], None] = lambda: None,
) -> tuple[bytes, bool]:
    """What the client gets of a body, and whether it has an end."""
    upstream = CurlUpstream(environ={})
    async with serving(script) as server:
        app = application(upstream, server.url + "/v1", plugin)
        app._proxy._relay._transcripts = transcripts
        if keepalive_s is not None:
            app._proxy._keepalive_s = keepalive_s
        async with fronted(app) as front:
            reader, writer = await front.connect(POST % (front.port, len(body), body))
            await reader.readuntil(b"\r\n\r\n")
            on_head()
            answer = await answer_of(reader)
            writer.close()
        await upstream.aclose()
    return answer
