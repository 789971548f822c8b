"""Sessions, origins, outcomes and own routes, as plugins learn of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from proxy.made_plugin import PLUS, VERSIONS, plugin

from codexplus_core import Exchange, Session, ToolResult
from codexplus_core.testing import CodexClient, Harness, call, cut, shell, status, text

pytestmark = pytest.mark.transports("http", "websocket")


@pytest.mark.wire("W10")
@pytest.mark.parametrize("version", VERSIONS)
async def test_every_kind_of_request_is_known_by_its_origin(version: str) -> None:
    seen: list[Any] = []

    def on_request(exchange: Exchange) -> None:
        seen.append((exchange.turn.origin, exchange.prompt))

    async with Harness([plugin(on_request=on_request)], script=[shell("ls")], codex=version) as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs("files")
        compaction = proxy.codex.compact()
        await proxy.request("POST", compaction.path, compaction.headers, compaction.body)
        expected: list[Any] = [("user", "hello"), ("tool", None), ("compaction", None)]
        if version == "0.169.0":
            other = CodexClient(version, seed=7)
            await proxy.send(other.say("first"), other)
            await proxy.send(other.title_request("first"), CodexClient(version, seed=8))
            for child, request in (other.subagent("task"), other.review()):
                await proxy.send(request, child)
            expected += [("user", "first"), ("title", None), ("subagent", None), ("review", None)]

    assert seen == expected


async def test_a_session_starts_resumes_is_compacted_and_ends() -> None:
    phases: list[Any] = []

    def on_session(session: Session, phase: str) -> None:
        phases.append((session.thread_id, phase, str(session.cwd), session.codex_version))

    async with Harness([plugin(on_session=on_session)]) as proxy:
        await proxy.say("hello")
        await proxy.say("again")
        request = proxy.codex.compact()
        await proxy.send(request)
        thread = proxy.codex.thread.thread
        await proxy.say("after")

    assert phases == [(thread, phase, "/home/user/project", "0.169.0") for phase in ("start", "compact", "end")]


@pytest.mark.parametrize("version", VERSIONS[1:])
async def test_a_thread_that_was_begun_before_the_proxy_is_resumed(version: str) -> None:
    phases: list[str] = []
    async with Harness(codex=version) as before:
        await before.say("hello")

    async with Harness([plugin(on_session=lambda phase: phases.append(phase))], codex=version) as proxy:
        proxy.codex = before.codex
        proxy.upstream.chains = before.upstream.chains
        await proxy.say("again")

    assert phases == ["resume", "end"]


@pytest.mark.parametrize(
    ("script", "error", "answered_by", "code", "rounds"),
    [
        ([text("ok")], None, "upstream", 200, 1),
        ([call("plus", {}), text("ok")], None, "upstream", 200, 2),
        ([cut(3)], "cut", "upstream", 200, 1),
        ([status(500)], "failed", "upstream", 500, 1),
    ],
    ids=["well", "two rounds", "cut", "status"],
)
async def test_how_an_exchange_ended_is_reported(
    script: list[Any], error: str | None, answered_by: str, code: int, rounds: int
) -> None:
    ends: list[Any] = []
    looks = plugin(
        on_request=lambda exchange: exchange.add_tool(*PLUS),
        on_tool_use=lambda: ToolResult("x"),
        on_exchange_end=lambda outcome: ends.append(outcome),
    )
    async with Harness([looks], script=script) as proxy:
        reply = await proxy.say("hello")

    (end,) = ends
    assert (end.error, end.answered_by, end.status, end.rounds) == (error, answered_by, code, rounds)
    assert end.bytes_out == sum(map(len, reply.messages or [reply.body]))
    assert end.bytes_in > 0
    assert end.total_s >= (end.first_byte_s or 0) >= 0
    assert end.usage.input_tokens == (100 * rounds if error is None else 0)


@pytest.mark.req("P11")
@pytest.mark.transports("http")
async def test_health_and_readiness_are_told_and_a_draining_proxy_is_not_ready() -> None:
    async with Harness([plugin(on_request=lambda: None)]) as proxy:
        health = json.loads((await proxy.request("GET", "/_codexplus/health")).body)
        ready = await proxy.request("GET", "/_codexplus/ready")
        assert await proxy.app.drain(1.0)
        draining = await proxy.request("GET", "/_codexplus/ready")

    assert (health["status"], health["store"], health["plugins"][0]["name"]) == ("ok", "ok", "Plugin")
    assert (ready.status, draining.status) == (200, 503)


@pytest.mark.transports("http")
async def test_of_two_plugins_with_one_route_the_first_serves_it_and_the_conflict_is_reported() -> None:
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    def routes(words: str) -> Any:
        async def page(request: Any) -> PlainTextResponse:
            return PlainTextResponse(words)

        return lambda: [Route("/page", page), Route("/health", page)]

    one, two = plugin(ORDER=10, add_routes=routes("one")), plugin(ORDER=20, add_routes=routes("two"))
    async with Harness({"one": one, "two": two}) as proxy:
        reply = await proxy.request("GET", "/_codexplus/page")

        taken = [(entry["plugin"], entry["route"], entry["taken_by"]) for entry in proxy.log.events("route_conflict")]
        assert reply.body == b"one"
        assert taken == [("one", "/health", "core"), ("two", "/page", "one"), ("two", "/health", "core")]
        assert not proxy.upstream.requests
