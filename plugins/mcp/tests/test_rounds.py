"""MCP tools in the model's own requests, on both transports."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest
from mcp_pretend import Pretend, World, offered, outputs, plugin, said, server, tool

from codexplus_core import Exchange, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.testing import Harness, call, text
from codexplus_mcp.failure import Unavailable
from codexplus_mcp.rounds import ToolRounds

Way = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("way", ["http", "websocket"])


@pytest.mark.req("M4")
@BOTH
@pytest.mark.parametrize("version", ["0.169.0", "0.120.0", "0.29.0"])
async def test_the_model_calls_tools_of_two_servers_and_codex_sees_one_answer(
    monkeypatch: pytest.MonkeyPatch, way: Way, version: str
) -> None:
    if way == "websocket" and version == "0.29.0":
        pytest.skip("it speaks no WebSocket")
    one, two = Pretend(server("one"), [tool("echo")]), Pretend(server("two"), [tool("time")])
    World(one, two).install(monkeypatch)
    script = [call("mcp__one__echo", {"text": "hi"}), call("mcp__two__time", {}), text("Both said so."), text("again")]

    async with Harness({"mcp": plugin()}, script=script, transport=way, codex=version) as proxy:
        reply = await proxy.say("ask them")
        if version != "0.29.0":  # which cannot resume
            proxy.resume()
        await proxy.say("and now")

    assert reply.text == "Both said so."
    assert b"mcp__" not in reply.body
    assert [found for found in offered(proxy) if "codexplus" not in found] == ["mcp__one__echo", "mcp__two__time"]
    assert outputs(proxy) == ["echo: hi", "time: "]
    assert (one.calls, two.calls) == ([("echo", {"text": "hi"})], [("time", {})])


@pytest.mark.req("M4")
@BOTH
async def test_what_the_model_has_read_stays_as_it_was_over_later_turns_and_a_resume(
    monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    one = Pretend(server(), [tool("a"), tool("b")])
    World(one).install(monkeypatch)
    script = [
        call("mcp__s__a", {"text": "1"}) + call("mcp__s__b", {"text": "2"}), call("mcp__s__a", {"text": "3"}),
        text("first"), call("mcp__s__b", {"text": "4"}), text("second"), text("third"),
    ]  # fmt: skip

    async with Harness({"mcp": plugin()}, script=script, transport=way) as proxy:
        await proxy.say("one")
        await proxy.say("two")
        proxy.resume()
        await proxy.say("three")
    # What Codex itself adds to an item that it sends again after a resume is its own.
    told = ("type", "role", "content", "name", "arguments", "call_id", "output", "tools")
    read = [[{key: item.get(key) for key in told} for item in turn.conversation] for turn in proxy.upstream.turns]

    assert len(read) == len(script)
    assert "mcp__s__a" in offered(proxy)
    for before, after in pairwise(read):
        assert after[: len(before)] == before
    assert outputs(proxy) == ["a: 1", "b: 2", "a: 3", "b: 4"]


@BOTH
async def test_calls_of_one_answer_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    both = asyncio.Barrier(2)

    async def together(name: str, arguments: Any, progress: Any) -> Any:
        await both.wait()
        return said(name)

    World(Pretend(server(), [tool("a"), tool("b")], together)).install(monkeypatch)
    script = [call("mcp__s__a", {}) + call("mcp__s__b", {}), text("done")]

    async with asyncio.timeout(20), Harness({"mcp": plugin()}, script=script, transport=way) as proxy:
        reply = await proxy.say("go")

    assert reply.text == "done"
    assert outputs(proxy) == ["a", "b"]


async def test_a_user_who_leaves_ends_the_call_at_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, leave = asyncio.Event(), asyncio.Event()

    async def endless(name: str, arguments: Any, progress: Any) -> Any:
        begun.set()
        await asyncio.Event().wait()

    slow = Pretend(server(), [tool("slow")], endless)
    World(slow).install(monkeypatch)

    async with Harness({"mcp": plugin()}, script=[call("mcp__s__slow", {})]) as proxy:
        request = proxy.codex.say("go")
        sent = asyncio.ensure_future(
            proxy.request(request.method, request.path, request.headers, request.body, leave=leave)
        )
        async with asyncio.timeout(20):
            await begun.wait()
            leave.set()
            await sent

    assert slow.cancelled == 1


@BOTH
async def test_progress_is_shown_while_the_call_runs_and_kept_by_nobody(
    monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    async def reports(name: str, arguments: Any, progress: Any) -> Any:
        await progress(3, 10, "still \x1b[31mat `it`")
        for _ in range(50):  # until the proxy has had its turn
            await asyncio.sleep(0)
        return said("done")

    monkeypatch.setattr("codexplus_core.proxy.news.EVERY_S", 0.0)
    World(Pretend(server(), [tool("work")], reports)).install(monkeypatch)
    script = [call("mcp__s__work", {}), text("ready"), text("next")]

    async with Harness({"mcp": plugin()}, script=script, transport=way) as proxy:
        reply = await proxy.say("go")
        await proxy.say("more")

    assert reply.text == "ready"
    assert b"**s work 3/10: still at 'it'**" in reply.body
    assert b"\\u001b" not in reply.body
    assert "rs_codexplus" not in str(proxy.upstream.turns[-1].conversation)


class Hooks:
    """A plugin of hooks: it comes after MCP by number, and yet before a call is carried out."""

    ORDER = 20

    def __init__(self, verdict: Any = None) -> None:
        self.verdict = verdict
        self.before: list[Any] = []
        self.after: list[str] = []

    @hookimpl
    def on_tool_use(self, exchange: Exchange, call: ToolCall) -> Any:
        self.before.append((call.name, call.arguments))
        return self.verdict(call) if self.verdict else None

    @hookimpl
    def on_tool_result(self, call: ToolCall, result: ToolResult) -> ToolResult:
        self.after.append(result.text)
        return ToolResult(f"seen {result.text}")


async def test_other_plugins_see_the_call_before_it_is_made_and_the_answer_before_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Pretend(server(), [tool("echo")])
    World(one).install(monkeypatch)
    hooks = Hooks(lambda call: call.replace(arguments={"text": "changed"}))

    script = [call("mcp__s__echo", {"text": "hi"}), text("ok")]
    async with Harness({"mcp": plugin(), "hooks": hooks}, script=script) as proxy:
        await proxy.say("go")

    assert hooks.before == [("mcp__s__echo", {"text": "hi"})]
    assert one.calls == [("echo", {"text": "changed"})]
    assert outputs(proxy) == ["seen echo: changed"]


async def test_what_another_plugin_refuses_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Pretend(server(), [tool("echo")])
    World(one).install(monkeypatch)

    script = [call("mcp__s__echo", {}), text("ok")]
    async with Harness({"mcp": plugin(), "hooks": Hooks(lambda _: Refusal("not today"))}, script=script) as proxy:
        await proxy.say("go")

    assert outputs(proxy) == ["error: not today"]
    assert one.calls == []


async def test_a_server_that_fails_costs_its_tools_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = Pretend(server("good"), [tool("echo")]), Pretend(server("bad"), [tool("x")])
    bad.fails = Unavailable("bad: did not start; look into its log")
    World(good, bad).install(monkeypatch)

    async with Harness({"mcp": plugin()}, script=[text("hello")]) as proxy:
        reply = await proxy.say("go")

    assert reply.text == "hello"
    assert [name for name in offered(proxy) if "codexplus" not in name] == ["mcp__good__echo"]


async def test_a_failing_call_is_told_to_the_model_and_the_turn_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(name: str, arguments: Any, progress: Any) -> Any:
        raise Unavailable("the MCP server s is gone; it is started again with the next call")

    World(Pretend(server(), [tool("echo")], gone)).install(monkeypatch)

    async with Harness({"mcp": plugin()}, script=[call("mcp__s__echo", {}), text("sorry")]) as proxy:
        reply = await proxy.say("go")

    assert reply.text == "sorry"
    assert outputs(proxy) == ["error: the MCP server s is gone; it is started again with the next call"]


@BOTH
async def test_a_typed_prompt_of_a_server_that_is_not_there_is_answered_where_there_are_none(way: Way) -> None:
    async with Harness({"mcp": plugin()}, script=[text("Hi.")], transport=way) as proxy:
        unknown = await proxy.say("/mcp__gone__review")
        other = await proxy.say("hello")

    assert "gone" in unknown.text
    assert other.text == "Hi."


@pytest.mark.parametrize(
    ("kind", "origin", "settled"), [("responses", "tool", 1), ("responses", "title", 0), ("other", "tool", 0)]
)
def test_questions_about_servers_that_are_gone_are_settled_also_where_nobody_typed(
    kind: str, origin: str, settled: int
) -> None:
    project, none, closed = Path("/project"), SimpleNamespace(usable=()), []
    servers = SimpleNamespace(of=lambda asked: none if asked == project else None)
    trust = SimpleNamespace(close_settled=lambda *what: closed.append(what))
    absent: Any = None
    rounds = ToolRounds(absent, cast(Any, servers), cast(Any, trust), absent, absent, absent, {})
    exchange = SimpleNamespace(
        prompt=None, kind=kind, turn=SimpleNamespace(origin=origin), session=SimpleNamespace(cwd=project)
    )

    assert not rounds.look(cast(Exchange, exchange))

    assert closed == [(project, none)] * settled
