"""Metrics in a proxy: what its exchanges and decisions come to, who may read it, and how it is switched off."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from codexplus_core import AuditEvent, Core, Exchange, LocalReply, Outcome, Refusal, Session, hookimpl
from codexplus_core.proxy.guard import Guard
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness, status, text
from codexplus_enterprise.cost.usage import Usage
from codexplus_enterprise.metrics import Metrics
from codexplus_enterprise.metrics.readings import Readings
from codexplus_enterprise.metrics.rolling import Rolling

Transport = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])
MODEL = "gpt-6.1-sol"
TOKEN = "a-token-of-this-proxy-that-is-long-enough"


class Counted:
    """Metrics as a plugin of their own."""

    ORDER = 90

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.core: Core

    @hookimpl
    def add_routes(self) -> list[Any]:
        return self.metrics.routes()

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core
        self.metrics.begin(core)

    @hookimpl
    def on_request(self, exchange: Exchange) -> LocalReply | Refusal | None:
        if exchange.prompt == "forbidden":
            return Refusal("no", code="not_allowed_here")
        return LocalReply("pong") if exchange.prompt == "ping" else None

    @hookimpl
    def on_audit(self, event: AuditEvent) -> None:
        self.metrics.audited(event)

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        self.metrics.ended(exchange, outcome)


async def values(proxy: Harness, name: str) -> dict[tuple[str, ...], float]:
    """What an instrument shows, by its labels' values; a histogram its count."""
    answer = await proxy.request("GET", "/_codexplus/metrics.json")
    rows = {row["name"]: row["series"] for row in json.loads(answer.body)["metrics"]}
    return {tuple(one["labels"].values()): one.get("value", one.get("count")) for one in rows[name]}


@pytest.mark.req("E4")
@BOTH
async def test_requests_tokens_and_times_are_counted(transport: Transport) -> None:
    answers = [text("one"), text("two").with_usage({"input_tokens": 50, "input_tokens_details": {"cached_tokens": 20},
               "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 59})]  # fmt: skip

    async with Harness([Counted()], script=answers, transport=transport) as proxy:
        await proxy.say("one")
        await proxy.say("two")
        await proxy.say("ping")
        await proxy.say("forbidden")
        requests = await values(proxy, "codexplus_requests_total")
        tokens = await values(proxy, "codexplus_tokens_total")
        usage = await values(proxy, "gen_ai_client_token_usage")
        took = await values(proxy, "gen_ai_client_operation_duration_seconds")
        added = await values(proxy, "codexplus_added_latency_seconds")
        refusals = await values(proxy, "codexplus_refusals_total")

    by = {key[3]: count for key, count in requests.items() if key[:2] == ("responses", transport)}
    assert by == {"upstream": 2, "local": 1, "refused": 1}
    assert tokens == {
        (MODEL, "input"): 150, (MODEL, "cached"): 20, (MODEL, "output"): 19, (MODEL, "reasoning"): 4,
    }  # fmt: skip
    assert usage == {("chat", "openai", MODEL, "input"): 2, ("chat", "openai", MODEL, "output"): 2}
    assert took == {("chat", "openai", MODEL, ""): 2}
    assert added == {("proxy", transport): 2, ("plugins", transport): 2}
    assert refusals == {("not_allowed_here",): 1}


@pytest.mark.req("E4", "P7")
@BOTH
async def test_an_answer_that_breaks_off_is_told_from_one_that_the_upstream_refused(transport: Transport) -> None:
    answers = [text("Half of this is lost").cut(6), status(400, "no")]

    async with Harness([Counted()], script=answers, transport=transport, strict=False) as proxy:
        await proxy.say("one")
        await proxy.say("two")
        errors = await values(proxy, "codexplus_errors_total")
        broken = await values(proxy, "codexplus_slo_broken_streams")
        models = await values(proxy, "gen_ai_client_operation_duration_seconds")

    assert errors == {("responses", "cut", "yes"): 1, ("responses", "failed", "no"): 1}
    assert broken == {(): 0.5}
    # Nobody has served this model yet, so its name is still a client's word.
    assert {key[2] for key in models} == {"other"}


@pytest.mark.abuse("H06")
async def test_clients_cannot_fill_the_labels_or_put_a_secret_there() -> None:
    async with Harness([Counted()], script=[status(400, "no such model")] * 60, strict=False) as proxy:
        for number in range(60):
            proxy.codex.framer = replace(proxy.codex.framer, extra={"model": f"sk-proj-secret{number}"})
            await proxy.say("hi")
        text_of = (await proxy.request("GET", "/_codexplus/metrics")).body.decode()

    assert "secret" not in text_of
    assert 'gen_ai_request_model="other"' in text_of


@pytest.mark.abuse("H06")
async def test_a_models_own_words_are_no_label() -> None:
    counted = Counted()

    async with Harness([counted]) as proxy:
        for number in range(100):
            call = AuditEvent(
                "tool.call", "denied", fields={"tool": f"exfiltrate_{number}", "seconds": 0.5}, plugin="hooks"
            )
            await counted.core.report(call)
            counted.metrics.audited(call)
        await values(proxy, "codexplus_tool_calls_total")
        counted.metrics.audited(AuditEvent("tool.call", "success", fields={"tool": "shell"}))
        tools = await values(proxy, "codexplus_tool_calls_total")
        refusals = await values(proxy, "codexplus_policy_refusals_total")

    assert set(tools) == {("other", "denied"), ("shell", "success")}
    # A hook's no is no policy's.
    assert refusals == {}


@pytest.mark.req("E4")
async def test_decisions_are_counted_by_what_they_are_about() -> None:
    counted = Counted()
    told = [
        AuditEvent("hook.run", "success", fields={"event": "PreToolUse", "seconds": 0.2}, plugin="hooks"),
        AuditEvent("approval.answer", "denied", session=Session()),
        AuditEvent("process.run", "denied"),
        AuditEvent("request.refuse", "denied", plugin="enterprise", fields={"origin": "warmup"}),
        AuditEvent("request.refuse", "denied", plugin="enterprise", fields={"origin": "user"}),
        AuditEvent("request.refuse", "denied", plugin="enterprise", fields={"code": "budget_spent"}),
        AuditEvent("access.denied", "denied"),
        AuditEvent("access.denied", "denied", fields={"left_out": 500}),
        AuditEvent("mcp.call", "failure", fields={"server": "docs", "seconds": 1.5}),
        AuditEvent("mcp.breaker", "failure", fields={"server": "docs", "state": "open"}),
        AuditEvent("command.use", "success"),
    ]

    async with Harness([counted]) as proxy:
        for event in told:
            counted.metrics.audited(event)
        found = {name: await values(proxy, f"codexplus_{name}") for name in (
            "hooks_total", "approvals_total", "programs_total", "mcp_calls_total", "mcp_breaker", "commands_total",
            "policy_refusals_total", "hook_duration_seconds",
        )}  # fmt: skip
        tools = await values(proxy, "gen_ai_execute_tool_duration_seconds")
        decisions = await values(proxy, "codexplus_decisions_total")

    assert decisions["request.refuse", "denied"] == 2
    assert decisions["access.denied", "denied"] == 501
    assert found == {
        "hooks_total": {("PreToolUse", "success"): 1},
        "approvals_total": {("answer", "denied"): 1},
        "programs_total": {("denied",): 1},
        "mcp_calls_total": {("docs", "failure"): 1},
        "mcp_breaker": {("docs",): 2},
        "commands_total": {("success",): 1},
        "policy_refusals_total": {
            ("process.run", "rule"): 1,
            ("request.refuse", "policy"): 1,
            ("request.refuse", "budget"): 1,
        },
        "hook_duration_seconds": {("PreToolUse",): 1},
    }
    assert tools == {("mcp", "failure"): 1}


async def test_what_is_looked_up_tells_of_the_proxy_and_its_plugins() -> None:
    async with Harness([Counted()]) as proxy:
        await proxy.say("hi")
        found = {name: await values(proxy, name) for name in (
            "codexplus_ready", "codexplus_active_streams", "codexplus_sessions", "codexplus_plugin_up",
            "codexplus_slo_window",
        )}  # fmt: skip

    assert found == {
        "codexplus_ready": {(): 1}, "codexplus_active_streams": {(): 0}, "codexplus_sessions": {(): 1},
        "codexplus_plugin_up": {("Counted",): 1}, "codexplus_slo_window": {(): 1},
    }  # fmt: skip


@pytest.mark.req("E4")
@pytest.mark.abuse("A25")
@pytest.mark.parametrize("path", ["/_codexplus/metrics", "/_codexplus/metrics.json"])
async def test_another_user_reads_metrics_with_the_token_only_and_a_web_page_never(path: str) -> None:
    own = os.getuid() if hasattr(os, "getuid") else 0

    async with Harness([Counted()]) as proxy:
        mine = await proxy.request("GET", path)
        page = await proxy.request("GET", path, [(b"origin", b"https://evil.example")])
        fetched = await proxy.request("GET", path, [(b"sec-fetch-mode", b"no-cors")])
        proxy.app.guard = Guard(port=3000, token=TOKEN.encode(), uid_of=lambda *_: own + 1, own_uid=own)
        stranger = await proxy.request("GET", path)
        wrong = await proxy.request("GET", path, [(b"authorization", b"Bearer " + b"x" * len(TOKEN))])
        monitor = await proxy.request("GET", path, [(b"authorization", f"Bearer {TOKEN}".encode())])
        writes = await proxy.request("POST", path, [(b"authorization", f"Bearer {TOKEN}".encode())])

    assert [mine.status, monitor.status] == [200, 200]
    assert [page.status, fetched.status, stranger.status, wrong.status] == [403, 403, 403, 403]
    assert writes.status in (403, 405)
    assert TOKEN not in monitor.body.decode()


async def test_metrics_that_are_switched_off_count_nothing_and_say_so() -> None:
    counted = Counted()
    off = Config(None, {"metrics": {"enabled": False}})

    async with Harness([counted], config=off) as proxy:
        await proxy.say("hi")
        answer = await proxy.request("GET", "/_codexplus/metrics")
        again = await proxy.request("GET", "/_codexplus/metrics.json")

    assert (answer.status, again.status) == (404, 404)
    assert "metrics.enabled" in answer.body.decode()
    assert all(not family.series or not family.instrument.labels for family in counted.metrics.registry.families())


@pytest.mark.req("E4")
async def test_cost_is_counted_by_the_price_table_and_only_where_there_is_a_price(tmp_path: Path) -> None:
    counted = Counted()
    answer = text("ok").with_usage({"input_tokens": 1_000_000, "output_tokens": 100_000, "total_tokens": 1_100_000})

    async with Harness([counted], script=[answer, answer]) as proxy:
        counted.metrics.begin(counted.core, Usage(counted.core, path=tmp_path / "usage.db"))
        await proxy.say("hi")
        proxy.codex.framer = replace(proxy.codex.framer, extra={"model": "nobody-knows-its-price"})
        await proxy.say("hi")
        cost = await values(proxy, "codexplus_cost_total")

    assert set(cost) == {(MODEL, "USD")}
    assert cost[MODEL, "USD"] > 0


async def test_a_system_without_proc_leaves_out_what_it_cannot_tell(tmp_path: Path) -> None:
    readings = Readings(Rolling(), 5.0, process=tmp_path)

    found = {family.instrument.sample for family in readings.families({"status": "draining"})}

    assert "process_resident_memory_bytes" not in found and "process_open_fds" not in found
    assert {"process_cpu_seconds_total", "codexplus_ready"} <= found


async def test_a_new_start_counts_from_zero() -> None:
    counted = Counted()

    for _ in range(2):
        async with Harness([counted]) as proxy:
            await proxy.say("hi")
            requests = await values(proxy, "codexplus_requests_total")

    assert sum(requests.values()) == 1


async def test_before_the_start_there_is_nothing_to_read() -> None:
    metrics = Metrics()

    assert metrics.on is False
    assert [route.path for route in metrics.routes()] == ["/metrics", "/metrics.json"]
