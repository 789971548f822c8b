"""A plugin that raises is named, counted and absent; one that must not be skipped refuses instead."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from dispatch.stage import Journal, delta, dispatcher, exchange, health_of
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Action, Outcome, Refusal, ToolCall, ToolResult, Usage, hookimpl
from codexplus_core.dispatch import FailedClosed

CALL = ToolCall("c1", "shell", {"command": "ls"})
OUTCOME = Outcome(200, "upstream", None, Usage(), 1, 0.1, 0.2, 10, 20)


class Broken:
    """Raises in every hook."""

    def __init__(self, error: Any = None, *, fail_closed: bool = False, order: int = 50) -> None:
        self.error = error or ValueError("sk-secret")
        self.FAIL_CLOSED, self.ORDER = fail_closed, order

    def boom(self) -> Any:
        raise self.error

    @hookimpl
    async def on_session(self) -> None:
        self.boom()

    @hookimpl
    async def on_request(self) -> None:
        self.boom()

    @hookimpl
    def on_tool_use(self) -> None:
        self.boom()

    @hookimpl
    async def on_tool_result(self) -> None:
        await asyncio.sleep(0)
        self.boom()

    @hookimpl
    def on_chunk(self) -> None:
        self.boom()

    @hookimpl
    def on_turn_end(self) -> None:
        self.boom()

    @hookimpl
    def on_exchange_end(self) -> None:
        self.boom()

    @hookimpl
    def on_action(self) -> None:
        self.boom()


@pytest.mark.req("P11")
@pytest.mark.abuse("I15")
@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SystemExit(3),
        RecursionError(),
        asyncio.CancelledError(),
        BaseExceptionGroup("g", [ValueError()]),
    ],
)
async def test_a_plugin_that_raises_is_absent_from_every_hook(error: BaseException) -> None:
    it, event = exchange(), delta("x")
    broken = dispatcher(broken=Broken(error))

    await broken.session(it.session, "start")
    assert await broken.request(it) is None
    assert await broken.tool_use(it, CALL) == (CALL, None)
    assert await broken.tool_result(it, CALL, ToolResult("r")) == ToolResult("r")
    assert broken.chunk(it, event) is None
    assert broken.turn_end(it) is None
    await broken.exchange_end(it, OUTCOME)
    assert await broken.action(Action("run")) is None

    assert health_of(broken, "broken")["errors"] == 8
    assert health_of(broken, "broken")["state"] == "failing"


@pytest.mark.abuse("I15")
async def test_one_that_must_not_be_skipped_refuses_in_every_hook_that_can() -> None:
    it = exchange()
    policy = dispatcher(policy=Broken(fail_closed=True))

    refused = await policy.request(it)
    _, denied = await policy.tool_use(it, CALL)
    withheld = await policy.tool_result(it, CALL, ToolResult("the secret"))
    vetoed = await policy.action(Action("run"))

    assert isinstance(refused, Refusal)
    assert refused.status == 503
    assert "'policy' failed in on_request" in refused.message
    assert isinstance(denied, Refusal)
    assert withheld.is_error
    assert "the secret" not in withheld.text
    assert isinstance(vetoed, Refusal)
    with pytest.raises(FailedClosed, match="policy"):
        policy.chunk(it, delta("x"))
    await policy.session(it.session, "start")
    assert policy.turn_end(it) is None
    await policy.exchange_end(it, OUTCOME)


async def test_the_others_are_still_asked_after_one_failed() -> None:
    class Careful:
        @hookimpl
        def on_request(self) -> Refusal:
            return Refusal("no")

    answer = await dispatcher(broken=Broken(order=1), careful=Careful()).request(exchange())

    assert answer == Refusal("no")


async def test_the_same_fault_is_logged_once_and_counted_always() -> None:
    log = Journal()
    broken = dispatcher(log, broken=Broken())

    for _ in range(5):
        await broken.request(exchange())

    (entry,) = log.entries
    event, fields = entry
    assert event == "plugin_failed"
    assert (fields["plugin"], fields["hook"], fields["error"]) == ("broken", "on_request", "ValueError")
    assert fields["where"].startswith("test_isolation.py:")
    assert health_of(broken, "broken")["errors"] == 5


async def test_another_fault_of_the_same_plugin_is_logged_again() -> None:
    log, plugin = Journal(), Broken()
    broken = dispatcher(log, broken=plugin)

    await broken.request(exchange())
    plugin.error = KeyError("x")
    await broken.request(exchange())

    assert [fields["error"] for _, fields in log.entries] == ["ValueError", "KeyError"]


async def test_neither_log_nor_health_tells_what_the_exception_said() -> None:
    log = Journal()
    broken = dispatcher(log, broken=Broken(ValueError("sk-secret")))

    await broken.request(exchange())

    assert "sk-secret" not in repr(log.entries) + repr(broken.health())
    assert health_of(broken, "broken")["last_error"].startswith("on_request: ValueError at test_isolation.py:")


async def test_a_plugin_recovers_in_the_eyes_of_health() -> None:
    class Once:
        fails = True

        @hookimpl
        def on_request(self) -> None:
            if self.fails:
                raise ValueError

    plugin = Once()
    once = dispatcher(once=plugin)
    await once.request(exchange())
    plugin.fails = False

    for _ in range(20):
        await once.request(exchange())

    assert health_of(once, "once")["state"] == "ok"
    assert health_of(once, "once")["calls"] == 21


async def test_an_interrupt_from_the_keyboard_is_nobodys_fault() -> None:
    with pytest.raises(KeyboardInterrupt):
        dispatcher(broken=Broken(KeyboardInterrupt())).chunk(exchange(), delta("x"))


EDITS = st.lists(st.sampled_from(["prompt", "model", "tool", "context", "watch", "clear", "forget"]))


def edit(it: Any, edits: list[str], word: str) -> None:
    for name in edits:
        match name:
            case "prompt":
                it.prompt = word
            case "model":
                it.model = word
            case "tool":
                it.add_tool(word, "", {})
            case "context":
                it.add_context(word)
            case "watch":
                it.watch(word)
            case "clear":
                it.context.clear()
            case "forget":
                it.added_tools.clear()


def looks(it: Any) -> Any:
    return it.prompt, it.model, it.model_changed, it.tools, it.context, it.watched


class Editor:
    def __init__(self, edits: list[str], word: str, order: int, *, fails: bool) -> None:
        self.edits, self.word, self.ORDER, self.fails = edits, word, order, fails

    @hookimpl
    async def on_request(self, exchange: Any) -> None:
        edit(exchange, self.edits, self.word)
        await asyncio.sleep(0)
        if self.fails:
            raise ValueError


@given(st.lists(st.tuples(EDITS, st.booleans()), max_size=4))
def test_a_plugin_that_fails_has_changed_nothing(plan: list[tuple[list[str], bool]]) -> None:
    plugins = {f"p{n}": Editor(edits, f"w{n}", n, fails=fails) for n, (edits, fails) in enumerate(plan)}
    without = {name: plugin for name, plugin in plugins.items() if not plugin.fails}
    it, same = exchange(), exchange()

    asyncio.run(dispatcher(**plugins).request(it))
    asyncio.run(dispatcher(**without).request(same))

    assert looks(it) == looks(same)


async def test_a_plugin_that_cannot_start_is_broken_and_gets_no_hook() -> None:
    class Unready:
        asked = 0

        @hookimpl
        def on_startup(self) -> None:
            sys.exit("no license")

        @hookimpl
        def on_request(self) -> None:
            self.asked += 1

    plugin = Unready()
    unready = dispatcher(unready=plugin)

    await unready.startup(None)  # type: ignore[arg-type]
    await unready.request(exchange())

    assert plugin.asked == 0
    assert not unready.has("on_request")
    assert health_of(unready, "unready")["state"] == "broken"
    assert "could not start" in health_of(unready, "unready")["reason"]


async def test_one_that_must_not_be_skipped_and_cannot_start_refuses_every_request() -> None:
    class Unready:
        FAIL_CLOSED = True

        @hookimpl
        async def on_startup(self) -> None:
            raise OSError

        @hookimpl
        def on_exchange_end(self) -> None: ...

    unready = dispatcher(unready=Unready())

    await unready.startup(None)  # type: ignore[arg-type]
    answer = await unready.request(exchange())

    assert isinstance(answer, Refusal)
    assert "'unready' is broken" in answer.message


async def test_one_that_must_not_be_skipped_and_did_not_load_refuses_every_request() -> None:
    from codexplus_core.dispatch import Dispatcher
    from codexplus_core.loader import load_plugins

    class Misspelt:
        FAIL_CLOSED = True

        @hookimpl
        def on_requst(self) -> None: ...

    policy = Dispatcher(load_plugins("none", extra={"policy": Misspelt()}), log=Journal())

    assert isinstance(await policy.request(exchange()), Refusal)
    assert health_of(policy, "policy")["state"] == "broken"
