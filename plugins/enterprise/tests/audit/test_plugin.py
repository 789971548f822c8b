"""The audit log of a proxy with the plugin: what is kept of requests, actions, calls and answers, and when."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from metered import Settings

from codexplus_core import Action, ActionDenied, AuditEvent, Core, Exchange, Proposal, Refusal, ToolCall, hookimpl
from codexplus_core.services.redact import Redactor
from codexplus_core.testing import Harness, call, text
from codexplus_enterprise import plugin
from codexplus_enterprise.audit.files import stream_files
from codexplus_enterprise.audit.heads import Head
from codexplus_enterprise.audit.keys import read_key
from codexplus_enterprise.audit.verify import verify

pytestmark = pytest.mark.req("E3")

Transport = Literal["http", "websocket"]


class Worker:
    """A plugin that runs, refuses and asks."""

    def __init__(self) -> None:
        self.core: Any = None
        self.do: Callable[[Exchange], Any] | None = None
        self.judge: Callable[[ToolCall], Any] = lambda call: None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    async def on_request(self, exchange: Exchange) -> Any:
        return None if self.do is None or exchange.prompt is None else await self.do(exchange)

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> Any:
        return self.judge(call)


def harness(settings: Settings, worker: Worker, *script: Any, transport: Transport = "http") -> Harness:
    plugins = {"worker": worker, "enterprise": plugin}
    return Harness(plugins, script=script or [text("hello")], config=settings.config(), transport=transport)


def records(settings: Settings) -> list[dict[str, Any]]:
    folder = settings.home / ".codexplus" / "audit"
    files = [path for paths in stream_files(folder).values() for path in paths]
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def whole(settings: Settings) -> bool:
    folder = settings.home / ".codexplus" / "audit"
    return verify(folder, [read_key(folder / "audit.key")])[1] == []


def only(settings: Settings, action: str) -> dict[str, Any]:
    (found,) = [record for record in records(settings) if record["event.action"] == action]
    return found


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


async def test_a_policy_that_speaks_of_the_log_decides_all_of_it(settings: Settings, tmp_path: Path) -> None:
    settings.mine(audit={"enabled": False, "directory": str(tmp_path / "elsewhere"), "content": True})
    settings.policy(audit={"keepDays": 90})

    async with harness(settings, Worker()) as proxy:
        await proxy.say("my plan")

    assert not (tmp_path / "elsewhere").exists()
    assert "codexplus.prompt" not in only(settings, "model.request")


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


async def test_a_change_of_the_settings_and_of_the_policy_is_kept_without_their_values(settings: Settings) -> None:
    settings.policy(audit={"enabled": True})
    worker = Worker()
    async with harness(settings, worker) as proxy:
        await proxy.say("one")
        settings.policy(audit={"enabled": True}, security={"modelAllowlist": ["gpt-*"]})
        settings.mine(env={"API_KEY": "hunter2hunter2"})
        governance = plugin._ENTERPRISE.governance
        assert governance is not None
        governance.look()
        await proxy.say("two")

    assert only(settings, "policy.change")["codexplus.keys"] == ["security.modelAllowlist"]
    assert only(settings, "config.change")["codexplus.keys"] == ["env.API_KEY"]
    assert "hunter2" not in json.dumps(records(settings))
    assert whole(settings)


async def test_the_log_goes_on_in_the_same_stream_when_its_settings_change(settings: Settings) -> None:
    settings.mine(audit={"enabled": True})
    async with harness(settings, Worker()) as proxy:
        await proxy.say("one")
        settings.mine(audit={"enabled": True, "content": True})
        governance = plugin._ENTERPRISE.governance
        assert governance is not None
        governance.look()
        await proxy.say("two")

    found = records(settings)
    assert {record["codexplus.chain.stream"] for record in found} == {"serve"}
    assert [record.get("codexplus.prompt") for record in found if record["event.action"] == "model.request"] == [
        None,
        "two",
    ]
    assert whole(settings)


@pytest.mark.abuse("H10")
@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_where_the_log_is_required_nothing_new_begins_without_it(
    settings: Settings, tmp_path: Path, transport: Transport
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    settings.policy(audit={"required": True, "directory": str(tmp_path / "file")})
    worker = Worker()
    async with harness(settings, worker, transport=transport) as proxy:
        await unwritable()
        answer = await proxy.say("go")
        with pytest.raises(ActionDenied, match="audit log cannot be written"):
            await worker.core.run(Action("run", argv=("true",), source="a test"))

    assert "The audit log cannot be written" in str(answer.error)
    assert proxy.upstream.requests == []


async def test_where_it_is_not_required_work_goes_on(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    settings.policy(audit={"directory": str(tmp_path / "file")})
    async with harness(settings, Worker()) as proxy:
        await unwritable()
        answer = await proxy.say("go")

    assert answer.text == "hello"
    assert [event["reason"] for event in proxy.log.events("audit_unusable")]


@pytest.mark.abuse("H10")
async def test_a_decision_that_meets_the_full_disk_first_does_not_happen_either(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.policy(audit={"required": True})
    worker = Worker()

    def append(self: object, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with harness(settings, worker) as proxy:
        await proxy.say("go")
        monkeypatch.setattr("codexplus_enterprise.audit.files.Files.append", append)
        with pytest.raises(ActionDenied, match="No space left on device"):
            await worker.core.run(Action("run", argv=("true",), source="a test"))
        monkeypatch.undo()

    assert "process.run" not in [
        record["event.action"] for record in records(settings) if record["codexplus.verdict"] == "success"
    ]


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


@pytest.mark.parametrize("managed", [True, False])
async def test_a_users_own_patterns_blot_out_nothing_of_the_administrators_log(
    settings: Settings, managed: bool
) -> None:
    pytest.importorskip("re2")
    (settings.policy if managed else settings.mine)(audit={"enabled": True})
    worker = Worker()

    async with harness(settings, worker) as proxy:
        proxy.app.core._redactor = Redactor([("mine", ".+")])
        await worker.core.run(Action("run", argv=("/bin/echo", "Hello World, Good Day"), source="A Test Of Mine"))

    (command,) = [one for one in records(settings) if one["event.action"] == "process.run"]
    assert (command["process.args"][-1] == "Hello World, Good Day") is managed
    assert (command["codexplus.source"] == "A Test Of Mine") is managed


async def unwritable() -> None:
    """Wait until the log has found out that it cannot be written."""
    governance = plugin._ENTERPRISE.governance
    assert governance is not None
    await governance.audit.decided(AuditEvent("test", "success", decision=True))
    assert governance.audit.problem
