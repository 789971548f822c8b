"""Usage and budgets in the plugin as it is installed, on both transports."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from metered import MODEL, Settings, costing

from codexplus_core.testing import Harness
from codexplus_enterprise.plugin import Enterprise

Transport = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])


def proxy(settings: Settings, *script: Any, transport: Transport) -> Harness:
    return Harness({"enterprise": Enterprise()}, script=script, config=settings.config(), transport=transport)


@BOTH
@pytest.mark.req("E6")
async def test_a_policys_budget_refuses_and_usage_shows_it(transport: Transport, settings: Settings) -> None:
    settings.policy(budgets={"user": {"amount": 0.3}})

    async with proxy(settings, costing(), transport=transport) as running:
        first, second, shown = [await running.say(words) for words in ("one", "two", "/usage")]

    assert first.text == "done"
    assert second.error is not None and "is spent: 0.30 of 0.30 USD this month" in second.error
    assert MODEL in shown.text and "██████████  0.30 of 0.30 USD" in shown.text
    assert len(running.upstream.turns) == 1


@BOTH
async def test_a_budget_that_is_nearly_spent_is_mentioned_in_front_of_the_answer_once(
    transport: Transport, settings: Settings
) -> None:
    settings.mine(budgets={"user": {"amount": 10, "soft": 1}})

    async with proxy(settings, *[costing()] * 3, transport=transport) as running:
        answers = [await running.say(words) for words in ("one", "two", "three")]

    assert [answer.streamed.count("is nearly spent") for answer in (reply.seen for reply in answers)] == [0, 1, 0]
    assert answers[1].seen.streamed.endswith("done")
    assert "nearly spent" not in str(running.upstream.turns[2].conversation)


@BOTH
async def test_without_budgets_no_event_of_an_answer_is_looked_at(transport: Transport, settings: Settings) -> None:
    async with proxy(settings, costing(), transport=transport) as running:
        await running.say("one")
        hooks = running.app.dispatcher.hooks

    assert "on_chunk" not in hooks
    assert "on_exchange_end" in hooks
