"""Every row of the table of hooks: its moment, its arguments, its order and what it may return."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from codexplus_core import (
    Action,
    Command,
    Core,
    Event,
    Exchange,
    LocalReply,
    Refusal,
    Session,
    ToolCall,
    ToolResult,
    hookimpl,
    hookspecs,
)
from codexplus_core.testing import Harness, reasoning, shell, text

pytestmark = pytest.mark.transports("http", "websocket")

TABLE = {
    "on_startup": ["core"],
    "on_shutdown": ["core"],
    "on_session": ["session", "phase"],
    "on_request": ["exchange"],
    "on_tool_use": ["exchange", "call"],
    "on_tool_result": ["exchange", "call", "result"],
    "on_chunk": ["exchange", "event"],
    "on_turn_end": ["exchange"],
    "on_exchange_end": ["exchange", "outcome"],
    "on_action": ["action"],
    "add_commands": [],
    "add_cli": [],
    "add_routes": [],
    "add_checks": [],
    "add_init_steps": [],
}


@pytest.mark.parametrize("hook", TABLE)
def test_a_hook_of_the_table_has_its_arguments(hook: str) -> None:
    assert list(inspect.signature(getattr(hookspecs, hook)).parameters) == TABLE[hook]


class Journal:
    """Writes down every hook that is called, with what it was handed."""

    WATCHES = ("response.completed",)

    def __init__(self, lines: list[str], name: str, order: int) -> None:
        self.lines = lines
        self.name = name
        self.ORDER = order

    def note(self, *words: object) -> None:
        self.lines.append(" ".join([self.name, *map(str, words)]))

    @hookimpl
    def add_commands(self) -> list[Command]:
        self.note("add_commands")
        return []

    @hookimpl
    def add_routes(self) -> list[Any]:
        self.note("add_routes")
        return []

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.note("on_startup")

    @hookimpl
    async def on_session(self, phase: str, session: Session) -> None:
        self.note("on_session", phase)

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        self.note("on_request", exchange.turn.origin, exchange.prompt)

    @hookimpl
    async def on_tool_use(self, call: ToolCall) -> None:
        self.note("on_tool_use", call.name)

    @hookimpl
    def on_tool_result(self, result: ToolResult) -> None:
        self.note("on_tool_result", result.text)

    @hookimpl
    async def on_chunk(self, event: Event) -> None:
        self.note("on_chunk", event.type)

    @hookimpl
    def on_turn_end(self) -> None:
        self.note("on_turn_end")

    @hookimpl
    async def on_exchange_end(self, outcome: Any) -> None:
        self.note("on_exchange_end", outcome.status)

    @hookimpl
    def on_shutdown(self) -> None:
        self.note("on_shutdown")


async def test_a_turn_calls_each_hook_at_its_moment_up_the_numbers_and_down_again() -> None:
    lines: list[str] = []
    plugins = {"low": Journal(lines, "low", 10), "high": Journal(lines, "high", 90)}
    async with Harness(plugins, script=[reasoning() + shell("ls"), text("done")], codex="0.120.0") as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs("files")

    def up(*words: str) -> list[str]:
        return [f"{name} {word}" for word in words for name in ("low", "high")]

    def down(*words: str) -> list[str]:
        return [f"{name} {word}" for word in words for name in ("high", "low")]

    assert lines == [
        *up("add_commands", "add_routes", "on_startup", "on_session start", "on_request user hello"),
        *down("on_tool_use exec_command", "on_chunk response.completed", "on_exchange_end 200"),
        *up("on_tool_result files", "on_request tool None"),
        *down("on_turn_end", "on_chunk response.completed", "on_exchange_end 200"),
        *up("on_session end"),
        *down("on_shutdown"),
    ]


def plugin(**hooks: Any) -> object:
    marked = {name: hook if name.isupper() else staticmethod(hookimpl(hook)) for name, hook in hooks.items()}
    return type("Plugin", (), marked)()


@pytest.mark.parametrize(
    ("declared", "asked", "expected"),
    [
        (None, None, "all"),
        (("response.completed",), None, {"response.completed"}),
        (("response.completed",), ("response.created",), {"response.created"}),
        (None, ("response.created",), {"response.created"}),
        (None, (), set()),
    ],
    ids=["neither", "WATCHES", "watch wins", "watch", "none"],
)
async def test_on_chunk_gets_the_types_that_were_asked_for(declared: Any, asked: Any, expected: Any) -> None:
    seen: set[str] = set()
    hooks: dict[str, Any] = {"on_chunk": lambda event: seen.add(event.type)}
    if declared is not None:
        hooks["WATCHES"] = declared
    if asked is not None:
        hooks["on_request"] = lambda exchange: exchange.watch(*asked)
    async with Harness([plugin(**hooks)]) as proxy:
        reply = await proxy.say("hello")

    assert seen == (set(reply.events) if expected == "all" else expected)


async def test_the_first_answer_to_a_request_wins_and_later_plugins_are_not_asked() -> None:
    asked: list[int] = []

    def answering(order: int, answer: Any) -> object:
        def on_request() -> Any:
            asked.append(order)
            return answer

        return plugin(ORDER=order, on_request=on_request)

    three = [answering(3, LocalReply("three")), answering(1, None), answering(2, LocalReply("two"))]
    async with Harness(three) as proxy:
        reply = await proxy.say("hello")

    assert (asked, reply.text) == ([1, 2], "two")


async def test_each_plugin_sees_the_call_and_the_result_as_the_one_before_left_them() -> None:
    seen: list[Any] = []

    def layer(order: int) -> object:
        def on_tool_use(call: ToolCall) -> ToolCall:
            assert isinstance(call.arguments, dict)
            seen.append(call.arguments["cmd"])
            return call.replace(arguments={"cmd": call.arguments["cmd"] + str(order)})

        def on_tool_result(result: ToolResult) -> ToolResult:
            seen.append(result.text)
            return ToolResult(result.text + str(order))

        return plugin(ORDER=order, on_tool_use=on_tool_use, on_tool_result=on_tool_result)

    async with Harness([layer(1), layer(2)], script=[shell("ls"), text("ok")], codex="0.120.0") as proxy:
        reply = await proxy.say("hello")
        await proxy.tool_outputs("out")

        assert seen == ["ls", "ls2", "out", "out1"]
        assert reply.seen.calls[0]["arguments"] == '{"cmd":"ls21"}'
        assert proxy.upstream.turns[1].body["input"][-1]["output"] == "out12"
        assert '"ls"' in proxy.upstream.turns[1].body["input"][-2]["arguments"]


async def test_a_turn_goes_on_with_the_first_prompt_given_at_its_end() -> None:
    def once(order: int) -> object:
        left = [f"go on {order}"]
        return plugin(ORDER=order, on_turn_end=lambda: left.pop() if left else None)

    async with Harness([once(1), once(2)], script=[text("a"), text("b"), text("c")]) as proxy:
        reply = await proxy.say("hello")

        said = [got.body["input"][-1]["content"][0]["text"] for got in proxy.upstream.turns]
        assert (said, reply.text) == (["hello", "go on 2", "go on 1"], "abc")


async def test_no_hook_but_the_session_is_told_of_a_warm_up() -> None:
    asked: list[str] = []
    async with Harness([plugin(on_request=lambda exchange: asked.append(exchange.turn.origin))], strict=False) as proxy:
        request = proxy.codex.say("hello")
        turn, prewarm = b'"request_kind":"turn"', b'"request_kind":"prewarm"'
        headers = [(name, value.replace(turn, prewarm)) for name, value in request.headers]
        await proxy.request("POST", request.path, headers, request.body.replace(b"{", b'{"generate":false,', 1))
        silent = list(asked)
        await proxy.request("POST", request.path, headers, request.body)

    assert silent == []
    assert asked == ["user"], "a request that only says so and wants an answer is no warm-up"


async def test_an_action_is_vetoed_by_the_first_plugin_that_says_no() -> None:
    asked: list[int] = []

    def veto(order: int, answer: Any) -> object:
        def on_action() -> Any:
            asked.append(order)
            return answer

        return plugin(ORDER=order, on_action=on_action)

    async with Harness([veto(1, None), veto(2, "two says no"), veto(3, Refusal("three"))]) as proxy:
        answer = await proxy.app.dispatcher.action(Action("connect", url="https://example.test"))

    assert (asked, answer and answer.message) == ([1, 2], "two says no")


async def test_a_plugins_state_is_its_own_per_exchange_and_per_thread() -> None:
    seen: list[Any] = []

    def counting(name: str) -> object:
        def on_request(exchange: Exchange) -> None:
            for state in (exchange.state, exchange.session.state):
                state["n"] = state.get("n", 0) + 1
            seen.append((name, exchange.state["n"], exchange.session.state["n"]))

        return plugin(on_request=on_request)

    async with Harness({"one": counting("one"), "two": counting("two")}) as proxy:
        await proxy.say("hello")
        await proxy.say("again")

    assert seen == [("one", 1, 1), ("two", 1, 1), ("one", 1, 2), ("two", 1, 2)]
