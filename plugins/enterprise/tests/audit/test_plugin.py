"""The audit log of a proxy with the plugin: what is kept of requests, actions, calls and answers, and when."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from audited import Transport, Worker, harness, only, records, whole
from metered import Settings

from codexplus_core import Action, ActionDenied, AuditEvent, Exchange, Proposal, Refusal, hookimpl
from codexplus_core.testing import Harness, call, text
from codexplus_enterprise import plugin
from codexplus_enterprise.audit.heads import Head
from codexplus_enterprise.audit.keys import read_key
from codexplus_enterprise.audit.verify import verify

pytestmark = pytest.mark.req("E3")


async def test_who_configures_nothing_has_no_log_and_no_thread(settings: Settings) -> None:
    async with harness(settings, Worker()) as proxy:
        await proxy.say("hi")

    assert not (settings.home / ".codexplus" / "audit").exists()


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_a_request_is_kept_with_model_tokens_and_turn_and_without_its_words(
    settings: Settings, transport: Transport
) -> None:
    settings.mine(audit={"enabled": True})

    async with harness(settings, Worker(), transport=transport) as proxy:
        await proxy.say("my secret plan")

    found = only(settings, "model.request")
    assert found["gen_ai.request.model"]
    assert found["gen_ai.usage.input_tokens"] > 0
    assert found["codexplus.transport"] == transport
    assert found["codexplus.turn.id"]
    assert found["codexplus.session.id"]
    assert found["codexplus.workspace"] == "/home/user/project"
    assert "secret plan" not in json.dumps(records(settings))
    assert whole(settings)


@pytest.mark.abuse("H08")
async def test_the_log_of_the_proxy_tells_heads_that_find_a_missing_end(settings: Settings) -> None:
    settings.mine(audit={"enabled": True})
    async with harness(settings, Worker()) as proxy:
        await proxy.say("hi")
    heads = [Head(**fields) for fields in proxy.log.events("audit_head")]
    folder = settings.home / ".codexplus" / "audit"
    path, keys = folder / "serve.jsonl", [read_key(folder / "audit.key")]
    assert verify(folder, keys, heads)[1] == []

    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    assert [one.kind for one in verify(folder, keys, heads)[1]] == ["truncated"]


async def test_content_keeps_the_words_too(settings: Settings) -> None:
    settings.policy(audit={"content": True})

    async with harness(settings, Worker()) as proxy:
        await proxy.say("my plan")

    assert only(settings, "model.request")["codexplus.prompt"] == "my plan"


@pytest.mark.skipif(sys.platform == "win32", reason="runs true")
async def test_a_program_is_on_disk_before_it_starts_and_its_end_after(settings: Settings) -> None:
    settings.mine(audit={"enabled": True})
    worker = Worker()
    seen: list[str] = []

    class Before:
        ORDER = 95

        @hookimpl
        def on_audit(self, event: AuditEvent) -> None:
            # Asked behind the log: what it has kept by now is kept before the program starts.
            if event.action == "process.run":
                seen.extend(record["event.action"] for record in records(settings))

    async def do(exchange: Exchange) -> None:
        await worker.core.run(Action("run", argv=("true",), source="a test", session=exchange.session))

    worker.do = do
    plugins = {"worker": worker, "enterprise": plugin, "before": Before()}
    async with Harness(plugins, script=[text("hello")], config=settings.config()) as proxy:
        await proxy.say("go")

    assert seen[-1] == "process.run"
    begun, ended = only(settings, "process.run"), only(settings, "process.end")
    assert begun["process.executable"].endswith("/true")
    assert begun["event.type"] == ["start", "allowed"]
    assert (ended["process.exit_code"], ended["event.outcome"], ended["codexplus.level"]) == (0, "success", "process")


@pytest.mark.skipif(sys.platform == "win32", reason="runs true")
async def test_a_deny_rule_is_kept_with_its_reason(settings: Settings) -> None:
    settings.mine(audit={"enabled": True}, permissions={"deny": ["Bash(true:*)"]})
    worker = Worker()

    async def do(exchange: Exchange) -> None:
        with pytest.raises(ActionDenied):
            await worker.core.run(Action("run", argv=("true",), source="a test", session=exchange.session))

    worker.do = do
    async with harness(settings, worker) as proxy:
        await proxy.say("go")

    found = only(settings, "process.run")
    assert (found["codexplus.verdict"], found["event.type"]) == ("denied", ["start", "denied"])
    assert "Bash(true:*)" in found["event.reason"]


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_a_tool_call_is_kept_with_its_verdict_and_whose_it_was(settings: Settings, transport: Transport) -> None:
    settings.mine(audit={"enabled": True})
    worker = Worker()
    worker.judge = lambda call: Refusal("not on my watch") if call.name == "shell" else None

    async with harness(
        settings, worker, call("shell", {"cmd": "rm -rf secret"}), text("then not"), transport=transport
    ) as proxy:
        await proxy.say("go")

    found = only(settings, "tool.call")
    assert found["codexplus.tool.name"] == "shell"
    assert (found["codexplus.verdict"], found["event.reason"]) == ("denied", "not on my watch")
    assert found["codexplus.plugin"] == "worker"
    assert "rm -rf" not in json.dumps(found)


async def test_a_refused_request_is_kept_as_a_decision_of_its_plugin(settings: Settings) -> None:
    settings.mine(audit={"enabled": True})
    worker = Worker()

    async def do(exchange: Exchange) -> Refusal:
        return Refusal("not today")

    worker.do = do
    async with harness(settings, worker) as proxy:
        await proxy.say("go")

    found = only(settings, "request.refuse")
    assert (found["event.reason"], found["codexplus.plugin"]) == ("not today", "worker")
    assert only(settings, "model.request")["codexplus.verdict"] == "denied"


async def test_a_question_and_its_answer_are_kept(settings: Settings) -> None:
    settings.mine(audit={"enabled": True})
    worker = Worker()
    proposal = Proposal("run", "project", "hook X", source="a.json", project=settings.root, text="git status")

    async def do(exchange: Exchange) -> Any:
        answer = await worker.core.approvals.require(exchange, [proposal])
        return answer if hasattr(answer, "text") else None

    worker.do = do
    async with harness(settings, worker) as proxy:
        await proxy.say("go")
        await proxy.say("y")

    asked, answered = only(settings, "approval.ask"), only(settings, "approval.answer")
    assert asked["codexplus.about"][0]["command"] == "git status"
    assert (answered["codexplus.answer"], answered["codexplus.by"]) == ("yes", "chat")
    assert answered["codexplus.thread.id"] == asked["codexplus.thread.id"] != ""
    actions = [record["event.action"] for record in records(settings)]
    assert actions.index("approval.ask") < actions.index("approval.answer")


async def test_a_request_that_calls_itself_a_warm_up_and_is_answered_is_kept_and_counted(settings: Settings) -> None:
    settings.policy(audit={"enabled": True}, budgets={"all": {"requests": 1}})

    async with harness(settings, Worker(), text("one"), text("two"), text("three")) as proxy:
        replies = []
        for words in ("hello", "hello again", "once more"):
            request = proxy.codex.say(words)
            turn, prewarm = b'"request_kind":"turn"', b'"request_kind":"prewarm"'
            headers = [(name, value.replace(turn, prewarm)) for name, value in request.headers]
            replies.append(await proxy.send(replace(request, headers=headers)))

    assert replies[0].text == "one"
    assert replies[-1].error is not None and "budget" in replies[-1].error
    assert len(proxy.upstream.turns) == 1
    assert len([one for one in records(settings) if one["event.action"] == "model.request"]) == 3
