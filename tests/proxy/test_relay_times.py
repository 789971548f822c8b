"""Whose time it was: what plugins took before an answer began, what the upstream did, and that the rest is ours."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from codexplus_core import Exchange, LocalReply, Outcome, Refusal, hookimpl
from codexplus_core.testing import Answer, Harness, call, status, text


class Clock:
    """Goes on when somebody says that time has passed."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Takes:
    """Takes a while to decide, and then says what it was told to."""

    def __init__(self, clock: Clock, seconds: float, says: Any = None) -> None:
        self.clock = clock
        self.seconds = seconds
        self.says = says
        self.outcomes: list[Outcome] = []

    @hookimpl
    def on_request(self, exchange: Exchange) -> Any:
        self.clock.now += self.seconds
        return self.says

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def slow(clock: Clock, seconds: float, answer: Answer) -> Any:
    """An upstream that thinks before it says anything."""

    def make(request: dict[str, Any]) -> Answer:
        clock.now += seconds
        return answer

    return make


@pytest.mark.req("P6")
@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_plugins_and_upstream_are_told_apart(transport: Literal["http", "websocket"]) -> None:
    clock = Clock()
    takes = Takes(clock, 0.01)

    async with Harness([takes], script=[slow(clock, 0.02, text("ok"))], clock=clock, transport=transport) as proxy:
        await proxy.say("hi")

    (outcome,) = takes.outcomes
    assert outcome.first_byte_s == pytest.approx(0.03)
    assert outcome.decided_s == pytest.approx(0.01)
    assert outcome.upstream_s == pytest.approx(0.02)


async def test_what_comes_after_the_first_byte_is_nobodys_delay() -> None:
    clock = Clock()
    takes = Takes(clock, 0.0)
    both = [slow(clock, 0.02, call("get_answer", {})), slow(clock, 0.5, text("ok"))]

    async with Harness([takes], script=both, clock=clock) as proxy:
        await proxy.say("hi")
        await proxy.tool_outputs("42")

    assert [outcome.upstream_s for outcome in takes.outcomes] == pytest.approx([0.02, 0.5])
    assert [outcome.decided_s for outcome in takes.outcomes] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("says", "code"), [(Refusal("no", code="not_today"), "not_today"), (LocalReply("here"), "")], ids=["no", "reply"]
)
async def test_an_answer_given_here_waited_for_no_upstream(says: Any, code: str) -> None:
    clock = Clock()
    takes = Takes(clock, 0.01, says)

    async with Harness([takes], clock=clock) as proxy:
        await proxy.say("hi")

    (outcome,) = takes.outcomes
    assert (outcome.upstream_s, outcome.refusal) == (0.0, code)
    assert outcome.decided_s == pytest.approx(0.01)


async def test_another_path_tells_its_refusal_and_how_long_plugins_took() -> None:
    clock = Clock()
    takes = Takes(clock, 0.01, Refusal("no", code="not_today"))

    async with Harness([takes], clock=clock) as proxy:
        await proxy.request("GET", "/v1/models", [(b"user-agent", b"codex_cli_rs/0.169.0")])

    (outcome,) = takes.outcomes
    assert (outcome.upstream_s, outcome.refusal) == (None, "not_today")
    assert outcome.decided_s == pytest.approx(0.01)


async def test_an_upstream_that_refuses_has_been_waited_for_as_well() -> None:
    clock = Clock()
    takes = Takes(clock, 0.0)

    async with Harness([takes], script=[slow(clock, 0.02, status(400, "no"))], clock=clock, strict=False) as proxy:
        await proxy.say("hi")

    assert takes.outcomes[0].upstream_s == pytest.approx(0.02)


async def test_answers_under_way_are_counted_in_health() -> None:
    seen: list[int] = []

    class Looks:
        @hookimpl
        def on_request(self) -> None:
            seen.append(proxy.app.health()["streams"])

    async with Harness([Looks()]) as proxy:
        await proxy.say("hi")
        await proxy.say("again")
        after = proxy.app.health()["streams"]

    assert (seen, after) == ([1, 1], 0)
