"""The parts together: one part's fault is not another's, and who has no policy loses nothing to one."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from metered import Settings

from codexplus_core import AuditEvent
from codexplus_core.testing import Harness, Reply, status
from codexplus_enterprise import governance
from codexplus_enterprise.audit.audit import Audit
from codexplus_enterprise.cost.store import UsageStore
from codexplus_enterprise.cost.usage import Usage
from codexplus_enterprise.governance import Governance
from codexplus_enterprise.metrics import Metrics
from codexplus_enterprise.packs.provider import Packs
from codexplus_enterprise.plugin import Enterprise

WAIT = 60.0


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(made.home / ".codexplus"))
    return made


def proxy(settings: Settings) -> Harness:
    return Harness({"enterprise": Enterprise()}, config=settings.config())


def fails(*_: object) -> None:
    raise RuntimeError("a fault")


@pytest.mark.parametrize("policy", [False, True])
async def test_a_fault_in_what_counts_refuses_nothing_and_hides_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, policy: bool
) -> None:
    if policy:
        settings.policy(audit={"enabled": True, "required": True})
    monkeypatch.setattr(Metrics, "audited", fails)
    monkeypatch.setattr(Metrics, "ended", fails)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    async with proxy(settings) as running:
        answer = await running.say("hello")
        no = await running.app.dispatcher.audit(AuditEvent("process.run", "success", decision=True))

    assert (answer.text, no) == ("Hello from the script.", None)
    if policy:
        (kept,) = (settings.home / ".codexplus/audit").glob("*.jsonl")
        told = {json.loads(line)["event.action"] for line in kept.read_text("utf-8").splitlines()}
        assert {"model.request", "process.run"} <= told


async def test_what_is_counted_a_moment_later_is_in_every_scrape_and_on_disk_at_the_end(settings: Settings) -> None:
    async with proxy(settings) as running:
        await running.say("hello")
        scraped = json.loads((await running.request("GET", "/_codexplus/metrics.json")).body)["metrics"]
        told = (await running.say("/usage")).text
        await running.say("hello")

    counts = {row["name"]: row["series"] for row in scraped}
    assert sum(series["value"] for series in counts["codexplus_upstream_rounds_total"]) == 1
    assert re.search(r"^total +1 ", told, re.MULTILINE)
    kept = UsageStore(settings.home / ".codexplus" / "usage.db").sums("2000-01-01")
    assert sum(sums.requests for _, sums in kept) == 2


async def without_a_stream(running: Harness) -> Reply:
    """Ask as other programs than Codex may, for an answer in one piece."""
    request = running.codex.say("hello")
    headers = [(name, value) for name, value in request.headers if name.lower() != b"content-encoding"]
    body = json.dumps({**request.json, "stream": False}).encode()
    return await running.request("POST", request.path, headers, body)


@pytest.mark.parametrize("budget", [0, 1], ids=["no budget", "a budget nearly spent"])
async def test_the_tool_calls_of_an_answer_without_a_stream_are_in_the_log(settings: Settings, budget: int) -> None:
    settings.mine(
        audit={"enabled": True, "required": True},
        **({"budgets": {"all": {"requests": 5, "soft": 1}}} if budget else {}),
    )
    call = {"type": "function_call", "call_id": "c", "name": "rm", "arguments": "{}"}
    answer = status(200, {"id": "resp_1", "output": [call], "usage": {"input_tokens": 1, "output_tokens": 1}})

    async with Harness(
        {"enterprise": Enterprise()}, config=settings.config(), script=[answer, answer], strict=False
    ) as running:
        await without_a_stream(running)
        reply = await without_a_stream(running)

    assert reply.status == 200 and json.loads(reply.body)["output"] == [call]
    (kept,) = (settings.home / ".codexplus/audit").glob("*.jsonl")
    told = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    assert [one["codexplus.tool.name"] for one in told if one["event.action"] == "tool.call"] == ["rm", "rm"]
    assert running.log.events("stream_not_readable") == []


@pytest.mark.parametrize(("required", "code"), [(False, 200), (True, 502)])
async def test_an_answer_that_nobody_can_read_is_refused_where_the_log_must_have_its_tool_calls(
    settings: Settings, *, required: bool, code: int
) -> None:
    settings.mine(audit={"enabled": True, "required": required})
    answer = status(200, {"id": "resp_1", "status": "queued", "output": []})

    async with Harness(
        {"enterprise": Enterprise()}, config=settings.config(), script=[answer], strict=False
    ) as running:
        reply = await without_a_stream(running)

    assert reply.status == code
    assert (b"'enterprise' must see the model's answer" in reply.body) is required
    assert len(running.log.events("stream_not_readable")) == 1


@pytest.mark.req("E1")
@pytest.mark.parametrize("policy", [False, True])
async def test_a_fault_of_the_plugin_refuses_only_where_there_is_something_to_enforce(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, policy: bool
) -> None:
    if policy:
        settings.policy(security={"modelAllowlist": ["*"]})
    monkeypatch.setattr(Governance, "request", fails)

    async with proxy(settings) as running:
        answer = await running.say("hello")

    assert (answer.error is not None) == policy
    assert len(running.upstream.turns) == (0 if policy else 1)


@pytest.mark.req("E1")
async def test_a_policy_that_comes_later_is_enforced_although_a_look_failed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, policy_seen = 0, asyncio.Event()

    async def once(self: Packs) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            settings.policy(security={"modelAllowlist": ["none-*"]})
            raise RuntimeError("a fault")
        if looks == 3:
            policy_seen.set()

    monkeypatch.setattr(Packs, "tend", once)
    monkeypatch.setattr(governance, "LOOK_S", 0.01)

    async with proxy(settings) as running:
        async with asyncio.timeout(WAIT):
            await policy_seen.wait()
        answer = await running.say("hello")

    assert running.log.events("task_failed") == [{"task": "codexplus-enterprise-settings", "error": "RuntimeError"}]
    assert answer.error is not None and "This workspace allows" in answer.error


async def test_the_account_is_closed_although_another_part_could_not_be(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    async def close(self: Audit) -> None:
        closed.append("audit")

    async def fail(self: Usage) -> None:
        raise OSError("a fault")

    monkeypatch.setattr(Audit, "close", close)
    monkeypatch.setattr(Usage, "close", fail)

    async with proxy(settings):
        pass

    assert closed == ["audit"]


@pytest.mark.req("E1")
async def test_where_counting_cannot_follow_the_settings_a_policy_is_enforced_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy(settings) as running:
        monkeypatch.setattr(Metrics, "look", fails)
        settings.policy(security={"modelAllowlist": ["none-*"]})
        first, second = await running.say("hello"), await running.say("hello again")
        hooks = running.app.dispatcher.hooks

    assert first.error is not None
    assert second.error is not None and "This workspace allows" in second.error
    assert running.upstream.turns == []
    assert "on_action" in hooks
