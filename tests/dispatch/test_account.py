"""What the dispatcher tells those who keep account, and what becomes of a decision that they could not keep."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from codexplus_core import Action, ActionDenied, AuditEvent, Core, Exchange, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.dispatch_telling import NOTED
from codexplus_core.testing import Harness, call, text


class Keeper:
    """Keeps account; ``answer`` is what it says to each event."""

    def __init__(self, answer: Any = None) -> None:
        self.events: list[AuditEvent] = []
        self.answer = answer
        self.core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    async def on_audit(self, event: AuditEvent) -> Any:
        self.events.append(event)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def named(self, action: str) -> list[AuditEvent]:
        return [event for event in self.events if event.action == action]


class Judge:
    """Says to every call, request and action what it is made with."""

    def __init__(self, *, call: Any = None, request: Any = None, action: Any = None) -> None:
        self._call, self._request, self._action = call, request, action

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> Any:
        return self._call

    @hookimpl
    def on_request(self, exchange: Exchange) -> Any:
        return self._request

    @hookimpl
    def on_action(self, action: Action) -> Any:
        return self._action


RUN = Action("run", argv=("true",), source="a test")
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="runs true")


@on_posix
async def test_a_program_is_told_as_a_decision_first_and_by_what_it_came_to_afterwards() -> None:
    keeper = Keeper()
    async with Harness([keeper]):
        await keeper.core.run(RUN)

    decided, ended = keeper.events
    assert (decided.action, decided.outcome, decided.decision) == ("process.run", "success", True)
    assert decided.fields["argv"][0].endswith("/true")
    assert (ended.action, ended.outcome, ended.decision) == ("process.end", "success", False)
    assert ended.fields["returncode"] == 0


@on_posix
@pytest.mark.parametrize("answer", [Refusal("not kept"), "not kept"])
async def test_a_decision_that_has_to_be_kept_and_was_not_does_not_take_effect(answer: Any) -> None:
    keeper = Keeper(answer)
    async with Harness([keeper]):
        with pytest.raises(ActionDenied, match="not kept"):
            await keeper.core.run(RUN)

    assert [event.action for event in keeper.events] == ["process.run"]


@on_posix
@pytest.mark.parametrize("closed", [True, False])
async def test_a_keeper_that_fails_stops_a_decision_only_where_it_fails_closed(closed: bool) -> None:
    keeper: Any = Keeper(RuntimeError("broken"))
    keeper.FAIL_CLOSED = closed
    async with Harness({"keeper": keeper}):
        if closed:
            with pytest.raises(ActionDenied, match="'keeper' failed in on_audit"):
                await keeper.core.run(RUN)
        else:
            assert (await keeper.core.run(RUN)).returncode == 0


async def test_a_veto_is_told_with_its_plugin_and_its_words() -> None:
    keeper = Keeper()
    async with Harness({"keeper": keeper, "judge": Judge(action="no programs")}):
        with pytest.raises(ActionDenied, match="no programs"):
            await keeper.core.run(Action("run", argv=(sys.executable,), source="a test"))

    (event,) = keeper.events
    assert (event.outcome, event.plugin, event.reason, event.decision) == ("denied", "judge", "no programs", True)


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_each_tool_call_is_told_with_its_verdict(transport: Any) -> None:
    kept = {}
    for name, verdict in {"passed": None, "denied": Refusal("no"), "answered": ToolResult("here")}.items():
        keeper = Keeper()
        script = [call("shell", {"cmd": "ls"})] + ([] if verdict is None else [text("done")])
        async with Harness(
            {"keeper": keeper, "judge": Judge(call=verdict)}, script=script, transport=transport
        ) as proxy:
            await proxy.say("go")
        (kept[name],) = keeper.named("tool.call")

    assert [(event.outcome, event.plugin, event.decision) for event in kept.values()] == [
        ("success", "", False), ("denied", "judge", True), ("success", "judge", False),
    ]  # fmt: skip
    assert kept["denied"].reason == "no"
    assert kept["answered"].fields["answered_here"] is True
    assert kept["passed"].fields["arguments"] == {"cmd": "ls"}


async def test_a_refused_request_is_told_with_its_plugin() -> None:
    keeper = Keeper()
    async with Harness({"keeper": keeper, "judge": Judge(request=Refusal("not today", code="late"))}) as proxy:
        await proxy.say("go")

    (event,) = keeper.named("request.refuse")
    assert (event.plugin, event.reason, event.fields["code"]) == ("judge", "not today", "late")


async def test_what_was_noted_is_told_before_the_next_thing() -> None:
    keeper = Keeper()
    async with Harness([keeper]) as proxy:
        proxy.app.dispatcher.note(AuditEvent("approval.ask", "asked"))
        await keeper.core.report(AuditEvent("login", "success"))

    assert [event.action for event in keeper.events] == ["approval.ask", "login"]


async def test_of_a_flood_the_first_are_told_and_then_how_many_more_there_were() -> None:
    keeper = Keeper()
    async with Harness([keeper]) as proxy:
        for number in range(NOTED + 7):
            proxy.app.dispatcher.note(AuditEvent("access.denied", "denied", reason=str(number)))
        await keeper.core.report(AuditEvent("login", "success"))

    *told, more, last = keeper.events
    assert [event.reason for event in told] == [str(number) for number in range(NOTED)]
    assert (more.action, more.outcome, more.fields["left_out"]) == ("access.denied", "denied", 7)
    assert last.action == "login"


async def test_nothing_is_noted_for_nobody() -> None:
    async with Harness([Judge()]) as proxy:
        proxy.app.dispatcher.note(AuditEvent("approval.ask", "asked"))

        assert not proxy.app.dispatcher._noted


async def test_secrets_are_taken_out_by_the_rules_of_the_log() -> None:
    keeper = Keeper()
    async with Harness([keeper]):
        assert keeper.core.redact({"url": "https://a:hunter2hunter2@host"})["url"].count("hunter2") == 0
