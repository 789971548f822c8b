"""Budgets in a proxy: the next request is refused once one is spent, and again let through when it begins anew."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from metered import MODEL, Clock, Metered, Settings, costing

from codexplus_core.testing import Harness, shell, status, text

Transport = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])


def proxy(settings: Settings, clock: Clock, *script: Any, **options: Any) -> tuple[Harness, Metered]:
    plugin = Metered(clock, path=settings.state, user=options.pop("user", "ada"))
    return Harness({"meter": plugin}, script=script, config=settings.config(), **options), plugin


@BOTH
@pytest.mark.req("E6")
async def test_a_spent_budget_stops_the_next_request_and_says_when_it_begins_anew(
    transport: Transport, settings: Settings, clock: Clock
) -> None:
    settings.policy(budgets={"user": {"amount": 0.5, "period": "month", "advice": "Ask finance@example.com."}})
    harness, _ = proxy(settings, clock, costing(), costing(), costing(), transport=transport)

    async with harness as running:
        first, second = await running.say("one"), await running.say("two")
        third = await running.say("three")

    assert (first.text, second.text) == ("done", "done")
    assert third.error is not None
    assert "This workspace's budget for the user ada is spent: 0.60 of 0.50 USD this month." in third.error
    assert "It begins anew on 2026-12-01 at 00:00 (in 10 days 12 hours)." in third.error
    assert third.error.endswith("Ask finance@example.com.")
    assert not third.seen.retries
    assert len(running.upstream.turns) == 2


@BOTH
@pytest.mark.req("E6")
async def test_in_the_next_period_requests_pass_again(transport: Transport, settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"requests": 1, "period": "day"}})
    harness, _ = proxy(settings, clock, text("first"), text("tomorrow"), transport=transport)

    async with harness as running:
        await running.say("one")
        refused = await running.say("two")
        clock.set("2026-11-21 00:00")
        passed = await running.say("three")

    assert refused.error is not None and "1 of 1 requests today" in refused.error
    assert passed.text == "tomorrow"


async def test_the_request_in_the_middle_of_a_turn_is_refused_too(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"tokens": 100}})
    harness, _ = proxy(settings, clock, shell("ls"), text("never"))

    async with harness as running:
        await running.say("look")
        answer = await running.tool_outputs("a file")

    assert answer.error is not None and "110 of 100 tokens this month" in answer.error
    assert len(running.upstream.turns) == 1


@pytest.mark.parametrize("command", ["/usage", " /usage by model", "//usage"])
async def test_usage_is_answered_when_the_budget_is_spent(command: str, settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"user": {"requests": 1}})
    harness, _ = proxy(settings, clock, costing())

    async with harness as running:
        await running.say("one")
        shown = await running.say(command)

    assert MODEL in shown.text
    assert "1 of 1 requests" in shown.text


async def test_a_budget_without_hard_only_says_so(settings: Settings, clock: Clock) -> None:
    settings.mine(budgets={"user": {"amount": 0.31, "hard": False}})
    harness, plugin = proxy(settings, clock, costing(), costing(), costing())

    async with harness as running:
        answers = [await running.say(words) for words in ("one", "two", "three")]

    assert [answer.text for answer in answers] == ["done"] * 3
    assert len(plugin.notes) == 2  # nearly spent, spent; each said once in a thread
    assert plugin.notes[0].startswith("Your budget for the user ada is nearly spent: 0.30 of 0.31 USD this month.")
    assert plugin.notes[1].startswith("Your budget for the user ada is spent: 0.60 of 0.31 USD this month.")


async def test_a_soft_percentage_says_when_to_speak(settings: Settings, clock: Clock) -> None:
    settings.mine(budgets={"all": {"requests": 10, "soft": 30}})
    harness, plugin = proxy(settings, clock, *[text("ok")] * 5)
    said = []

    async with harness as running:
        for words in ("a", "b", "c", "d"):
            await running.say(words)
            said.append(len(plugin.notes))

    assert said == [0, 0, 0, 1]


@pytest.mark.req("E6")
async def test_each_user_project_and_model_has_its_own(settings: Settings, clock: Clock) -> None:
    settings.policy(
        budgets={"user": {"requests": 2}, "project": {"requests": 1}, "mini": {"requests": 9, "models": ["*-MINI"]}}
    )
    first, _ = proxy(settings, clock, text("ok"), text("ok"), cwd="/srv/one", user="ada")
    second, _ = proxy(settings, clock, text("ok"), text("ok"), cwd="/srv/two", user="ada")
    other, _ = proxy(settings, clock, text("ok"), cwd="/srv/three", user="bob")

    async with first as running:
        await running.say("a")
        same_project = await running.say("b")
    async with second as running:
        other_project = await running.say("c")
        clock.now += 1
        same_user = await running.say("d")
    async with other as running:
        other_user = await running.say("e")

    assert same_project.error is not None and "budget for the project /srv/one is spent" in same_project.error
    assert other_project.text == "ok"
    assert same_user.error is not None and "budget for the user ada is spent" in same_user.error
    assert other_user.text == "ok"


@pytest.mark.abuse("I09")
async def test_another_spelling_of_the_model_is_the_same_budget(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"model": {"requests": 1}, "sol": {"requests": 5, "models": ["GPT-6.1-*"]}})
    harness, _ = proxy(settings, clock, text("ok"), text("never"))

    async with harness as running:
        await running.say("a")
        request = running.codex.say("b")
        body = request.body.replace(b'"gpt-6.1-sol"', b'"GPT-6.1-Sol"')
        reply = await running.request(request.method, request.path, request.headers, body)
        shown = running.codex.receive(reply.body, cut=False, status=reply.status)

    assert shown.error is not None and "budget for the model gpt-6.1-sol is spent" in shown.error


async def test_a_model_without_a_price_is_refused_under_a_budget_of_money(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"amount": 5}}, prices={"currency": "EUR"})
    harness, _ = proxy(settings, clock, text("never"))

    async with harness as running:
        answer = await running.say("a")

    assert answer.error is not None
    assert "No price is known for the model gpt-6.1-sol" in answer.error
    assert "your administrator can set prices.gpt-6.1-sol" in answer.error
    assert running.upstream.turns == []


async def test_prices_of_its_subject_do_not_make_a_managed_budget_last(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"amount": 0.2}})
    settings.mine(
        prices={MODEL: {"input": 0, "output": 0}, "currency": "XXX"},
        budgets={"all": {"amount": 1000}},
        usage={"enabled": False},
    )
    harness, _ = proxy(settings, clock, costing(), text("never"))

    async with harness as running:
        await running.say("a")
        answer = await running.say("b")

    assert answer.error is not None and "0.30 of 0.20 USD" in answer.error


async def test_a_project_can_neither_raise_nor_add_a_budget(settings: Settings, clock: Clock) -> None:
    project = settings.root / "project"
    (project / ".codexplus").mkdir(parents=True)
    (project / ".codexplus" / "settings.json").write_text('{"budgets": {"all": {"requests": 1}}, "prices": {}}')
    harness, _ = proxy(settings, clock, text("ok"), text("ok"), cwd=str(project))

    async with harness as running:
        answers = [await running.say("a"), await running.say("b")]

    assert [answer.text for answer in answers] == ["ok", "ok"]


async def test_titles_and_other_threads_count_for_the_project_of_their_session(
    settings: Settings, clock: Clock
) -> None:
    harness, plugin = proxy(settings, clock, text("ok"), cwd="/srv/one")

    async with harness as running:
        await running.say("a")
        await running.send(running.codex.title_request("a"))

    rows = plugin.usage._store.sums("2026-01-01")
    assert {use.project for use, _ in rows} == {"/srv/one"}
    assert sum(sums.requests for _, sums in rows) == 2


async def test_what_the_upstream_refused_costs_nothing(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"requests": 1}})
    harness, _ = proxy(settings, clock, status(400, {"error": {"message": "no such model"}}), text("ok"))

    async with harness as running:
        await running.say("a")
        answer = await running.say("b")

    assert answer.text == "ok"


@BOTH
async def test_an_answer_that_breaks_off_is_counted_by_its_size(
    transport: Transport, settings: Settings, clock: Clock
) -> None:
    settings.policy(budgets={"all": {"tokens": 100}})
    harness, plugin = proxy(settings, clock, text("word " * 200).cut(20), text("never"), transport=transport)

    async with harness as running:
        await running.say("a")
        answer = await running.say("b")

    ((_, sums),) = plugin.usage._store.sums("2026-01-01")
    assert sums.estimated == 1
    assert sums.total > 100
    assert answer.error is not None and "is spent" in answer.error


async def test_whoever_leaves_before_the_figures_come_is_counted_all_the_same(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"tokens": 100}})
    harness, plugin = proxy(settings, clock, text("word " * 200).stall("silence", after_events=40), text("never"))
    leave = asyncio.Event()

    async with harness as running, asyncio.timeout(10):
        request = running.codex.say("a")
        asking = asyncio.create_task(
            running.request(request.method, request.path, request.headers, request.body, leave=leave)
        )
        await running.upstream.standing_at("silence")
        leave.set()
        await asking
        answer = await running.say("b")

    ((_, sums),) = plugin.usage._store.sums("2026-01-01")
    assert (sums.requests, sums.estimated) == (1, 1)
    assert answer.error is not None and "is spent" in answer.error


async def test_an_answer_that_is_no_stream_is_counted_by_its_own_figures(settings: Settings, clock: Clock) -> None:
    body = {"id": "resp_1", "object": "response", "usage": {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}}
    harness, plugin = proxy(settings, clock, status(200, body))

    async with harness as running:
        request = running.codex.say("a")
        await running.request(request.method, request.path, request.headers, request.body)

    ((_, sums),) = plugin.usage._store.sums("2026-01-01")
    assert (sums.input, sums.output, sums.estimated) == (7, 5, 0)


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/chat/completions"])
async def test_other_paths_that_name_a_model_are_refused_as_well(path: str, settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"requests": 1}})
    harness, _ = proxy(settings, clock, text("ok"))

    async with harness as running:
        await running.say("a")
        headers = [(b"content-type", b"application/json")]
        refused = await running.request("POST", path, headers, b'{"model": "gpt-6.1-sol"}')
        listed = await running.request("GET", "/v1/models")

    assert refused.status == 403
    assert b"budget_spent" in refused.body
    assert listed.status == 404  # the scripted upstream's own answer


async def test_a_body_that_nobody_can_read_is_no_way_round_a_spent_budget(settings: Settings, clock: Clock) -> None:
    settings.policy(budgets={"all": {"requests": 1}})
    harness, _ = proxy(settings, clock, text("ok"), strict=False)
    body = b'{"model": "gpt-6.1-sol", "user": "\xff"}'

    async with harness as running:
        headers = [(b"content-type", b"application/json")]
        before = await running.request("POST", "/v1/chat/completions", headers, body)
        await running.say("a")
        after = await running.request("POST", "/v1/chat/completions", headers, body)

    assert before.status == 400  # the scripted upstream's own answer
    assert after.status == 403
    assert b"budget_spent" in after.body
