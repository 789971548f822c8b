"""A real Prometheus scrapes a loaded proxy; the dashboard's queries and the alert rules are answered by it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from e2e.codex import Transport
from e2e.prometheus import DASHBOARD, RULES, fetched, load, prometheus, promtool, said

from codexplus_core.testing import CodexClient, call, shell, status, text

pytestmark = pytest.mark.e2e

OPEN_METRICS = "accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
THREADS, TURNS = 8, 12
# What this load gives nothing for: no MCP server, no hook, no command, no question.
SILENT = re.compile(r"_(?:mcp_\w+|hooks?_\w+|tool_calls_total|commands_total|programs_total|approvals_total)\b")


def expressions() -> list[str]:
    """Every query of the dashboard, with Grafana's variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [one.replace("$instance", ".*").replace("$__rate_interval", "30s") for one in found]


@pytest.mark.req("E4", "P11")
@pytest.mark.parametrize("transport", ["http"])
async def test_a_prometheus_scrapes_a_loaded_proxy_and_answers_the_dashboard(
    transport: Transport, tmp_path: Path, upstream, proxy
) -> None:
    (tmp_path / "proxy/.codexplus").mkdir(parents=True, mode=0o700)
    # The client of the testing kit asks for this one.
    model = CodexClient(auth="api").say("hi").json["model"]
    settings = {"security": {"modelAllowlist": [model]}}
    (tmp_path / "proxy/.codexplus/settings.json").write_text(json.dumps(settings), encoding="utf-8")
    served = await proxy("enterprise")
    token = tmp_path / "proxy/.codexplus/token"

    async with prometheus(tmp_path / "prometheus", proxy=served.port, token=token) as watching:
        # One scrape before anything happens: what grows from nothing has grown, what is there from the start has not.
        await watching.until('up{job="codex-plus"} == 1')
        await watching.until("codexplus_build_info")
        first = await load(served.port, THREADS, TURNS)
        upstream.script = [status(503, {"error": {"message": "busy"}}), text("Half of it.").cut(8, "reset")]
        broken = CodexClient(auth="api", seed=50)
        await said(served.port, broken, broken.say("hi"))
        await said(served.port, broken, broken.retry())
        stranger = CodexClient(auth="api", seed=60)
        stranger.framer = replace(stranger.framer, extra={"model": "gpt-forbidden"})
        await said(served.port, stranger, stranger.say("hi"))
        await watching.until(f"codexplus_upstream_rounds_total >= {THREADS * TURNS}")
        second = await load(served.port, THREADS, TURNS)
        await watching.until(f"codexplus_upstream_rounds_total >= {2 * THREADS * TURNS}")
        await watching.until("rate(codexplus_upstream_rounds_total[30s]) > 0")
        answers = {expression: await watching.query(expression) for expression in expressions()}
        alerts = await watching.get("rules?type=alert")
        targets = await watching.get("targets")
        counted = await watching.query("sum(codexplus_requests_total{kind='responses',answered_by='upstream'})")
        refused = await watching.query("codexplus_refusals_total")
        midway = await watching.query("sum(codexplus_errors_total{error='cut',midway='yes'})")

    assert [*first, *second] == [200] * (2 * THREADS * TURNS)
    silent = {expression for expression, series in answers.items() if not series}
    assert {expression for expression in silent if not SILENT.search(expression)} == set()
    assert counted[0]["value"][1] == str(2 * THREADS * TURNS + 2)
    assert midway[0]["value"][1] == "1"
    assert [(one["metric"]["code"], one["value"][1]) for one in refused] == [("model_not_allowed", "1")]
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    assert len(rules) >= 10 and [rule["lastError"] for rule in rules if rule.get("lastError")] == []
    assert [target["lastError"] for target in targets["activeTargets"]] == [""]


@pytest.mark.req("E4")
@pytest.mark.parametrize("transport", ["http"])
async def test_what_the_proxy_exposes_is_sound_by_promtool(transport: Transport, upstream, proxy) -> None:
    served = await proxy("enterprise")
    upstream.script = [call("shell", {"command": ["ls"]}), text("done")]
    await load(served.port, 1, 2)

    _, older = await fetched(served.port, "GET /_codexplus/metrics")
    _, newer = await fetched(served.port, f"GET /_codexplus/metrics\r\n{OPEN_METRICS}")
    checked = await promtool("check", "metrics", stdin=older)

    assert checked == (0, "")
    assert newer.endswith(b"\n# EOF\n")


@pytest.mark.req("E4")
@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_a_session_of_codex_is_counted(transport: Transport, codex, upstream, proxy) -> None:
    served = await proxy("enterprise")
    one = codex().point_at(served.url)
    upstream.script = [shell("true"), text("All done.")]

    ran = await one.exec("hi", json=True)
    _, body = await fetched(served.port, "GET /_codexplus/metrics.json")

    assert ran.messages == ["All done."]
    rows = {row["name"]: row["series"] for row in json.loads(body)["metrics"]}
    by = {one["labels"]["origin"]: one["value"] for one in rows["codexplus_model_requests_total"]}
    assert (by["user"], by["tool"]) == (1, 1)
    added = rows["codexplus_added_latency_seconds"]
    assert {series["labels"]["transport"] for series in added} == {transport}
    models = {series["labels"]["gen_ai_request_model"] for series in rows["gen_ai_client_operation_duration_seconds"]}
    assert len(models) == 1 and models.isdisjoint({"other", "none"})
    assert rows["codexplus_errors_total"] == []


async def test_the_rules_are_sound_and_fire_when_a_promise_is_broken() -> None:
    checked = await promtool("check", "rules", str(RULES))
    tested = await promtool("test", "rules", str(Path(__file__).with_name("prometheus-rules-test.yml")))

    assert checked[0] == 0, checked[1]
    assert tested[0] == 0, tested[1]
